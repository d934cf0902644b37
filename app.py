"""The web application. Run: ``gunicorn 'app:create_app()'``."""

from recover.plugin import create_app

__all__ = ["create_app"]
