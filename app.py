"""The web application: settings, services, blueprints. Run: ``gunicorn 'app:create_app()'``."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from recover import config, web
from recover.services import Services, build
from webhooks import receiver


def create_app(services: Services | None = None) -> Flask:
    """Raises ConfigError, which names every missing or wrong setting."""
    services = services or build(config.load())
    app = Flask("recover.web")
    web.register(app, services)
    receiver.mount(app, services)
    if proxies := services.settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    return app
