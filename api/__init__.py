"""The HTTP entrance: a Flask service, or a blueprint in a host's Flask application."""
