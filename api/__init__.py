"""The HTTP entrance: a Flask service, or a blueprint in a host's Flask application."""

from .accounts import Accounts, First, Operators
from .application import create_app, create_blueprint
from .documents import Documents, Folder
from .housekeeping import Housekeeping
from .identity import Caller, Identify, Tokens, nobody
from .jobs import Jobs
from .letters import Papers
from .pace import Paced
from .server import serve
from .sessions import Sessions
from .store import create_schema
from .tokens import StoredTokens

__all__ = [
    "Accounts", "Caller", "Documents", "First", "Folder", "Housekeeping", "Identify", "Jobs", "Operators", "Paced", "Papers",
    "Sessions", "StoredTokens", "Tokens", "create_app", "create_blueprint", "create_schema", "nobody", "serve",
]  # fmt: skip
