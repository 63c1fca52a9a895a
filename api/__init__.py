"""The HTTP entrance: a Flask service, or a blueprint in a host's Flask application."""

from .application import create_app, create_blueprint
from .identity import Identify, Tokens, nobody
from .server import serve

__all__ = ["Identify", "Tokens", "create_app", "create_blueprint", "nobody", "serve"]
