"""The web application: settings, services, blueprints. Run: ``gunicorn 'app:create_app()'``."""

from __future__ import annotations

import logging

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from recover import config, rotation, web
from recover.services import Services, build
from webhooks import receiver

log = logging.getLogger(__name__)


def create_app(services: Services | None = None) -> Flask:
    """Raises ConfigError, which names every missing or wrong setting."""
    services = services or _started()
    app = Flask("recover.web")
    web.register(app, services)
    receiver.mount(app, services)
    if proxies := services.settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    return app


def _started() -> Services:
    """This process's own, with a word about secrets that a removed key would lock away."""
    services = build(config.load())
    for text in rotation.warnings(services.db, services.vault):
        log.warning(text)
    return services
