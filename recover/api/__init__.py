"""The API for other programs, under /api/v1. Each operation is declared once, in its module."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from recover.api import (
    cases,
    customers,
    dispatch,
    docs_page,
    problems,
    resources,
    webhook_endpoints,
)
from recover.api.operations import Operation
from recover.services import Services

if TYPE_CHECKING:  # these exist for type checkers alone
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PREFIX = "/api/v1"
OPERATIONS: tuple[Operation, ...] = tuple(
    one
    for group in (cases.GROUP, resources.GROUP, customers.GROUP, webhook_endpoints.GROUP)
    for one in group.operations
)


def mount(app: Flask, services: Services) -> None:
    """Serve the API beside the pages of ``app``: no session, no cookie and no form concerns it,
    and its errors are its own.
    """
    api = Flask("recover.api", static_folder=None)
    api.json.sort_keys = False  # type: ignore[attr-defined] # of Flask's own provider
    api.testing = app.testing
    problems.configure(api, services.settings.base_url)
    dispatch.configure(api)
    for operation in OPERATIONS:
        api.add_url_rule(
            PREFIX + operation.rule,
            operation.name,
            dispatch.view(operation, services),
            methods=[operation.method],
            provide_automatic_options=False,
        )
    docs_page.add(api, services, OPERATIONS, PREFIX)
    pages = app.wsgi_app

    def choose(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        ours = f"{environ.get('PATH_INFO', '')}/".startswith("/api/")
        return (api.wsgi_app if ours else pages)(environ, start_response)

    app.wsgi_app = choose  # type: ignore[method-assign] # Flask's own documented way
