"""The web application, alone or mounted in another one.

`create_app` makes Recover's own application. `init_app` mounts it in another Flask application
under a prefix. It stays an application of its own, so the sessions, CSRF protection, error
handlers, static files and endpoint names of the two do not mix.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from recover import api, web
from recover.compliance import key_rotation
from recover.foundation import config
from recover.foundation.errors import ConfigError
from recover.services import Services, build
from webhooks import receiver

log = logging.getLogger(__name__)


def create_app(services: Services | None = None) -> Flask:
    """Raises ConfigError, which names every missing or wrong setting."""
    services = services or _built_services()
    app = Flask("recover.web")
    app.config["SESSION_COOKIE_PATH"] = urlsplit(services.settings.base_url).path or "/"
    web.register(app, services)
    receiver.mount(app, services)
    api.mount(app, services)
    if proxies := services.settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    return app


def init_app(app: Flask, prefix: str = "/recover", services: Services | None = None) -> Flask:
    """Mount Recover in ``app`` under ``prefix``; the application mounted is returned.

    BASE_URL must end in the prefix: mails carry it. The worker and the clock run beside your
    processes as always. Raises ConfigError.
    """
    services = services or _built_services()
    prefix = "/" + prefix.strip("/")
    path = urlsplit(services.settings.base_url).path
    if prefix == "/" or not path.endswith(prefix):  # the application may be under a path itself
        raise ConfigError(
            f"BASE_URL must end in {prefix}, where Recover is mounted; its path is {path or '/'}."
            " Links in mails are made of it."
        )
    mounted = create_app(services)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {prefix: mounted})  # type: ignore[method-assign]
    return mounted


def _built_services() -> Services:
    """The services of this process. Logs a warning about secrets that need a key no longer set."""
    services = build(config.load())
    for text in key_rotation.warnings(services.db, services.vault):
        log.warning(text)
    return services
