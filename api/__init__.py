"""The HTTP entrance: a Flask service, or a blueprint in a host's Flask application."""

from .application import create_app, create_blueprint
from .batches import Jobs
from .documents import Documents, Folder
from .identity import Caller, Identify, Tokens, nobody
from .server import serve
from .store import create_schema
from .tokens import StoredTokens

__all__ = [
    "Caller", "Documents", "Folder", "Identify", "Jobs", "StoredTokens", "Tokens", "create_app", "create_blueprint",
    "create_schema", "nobody", "serve",
]  # fmt: skip
