"""The API described: an OpenAPI 3.1 document for machines, and a page of it for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache, partial

from flask import Flask, Response, render_template, request, url_for

from recover.api.openapi import document
from recover.api.operations import Operation
from recover.api.problems import KINDS
from recover.integrations.api_tokens import SCOPES
from recover.integrations.webhook_events import EVENTS
from recover.services import Services

POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'"


def add(api: Flask, services: Services, operations: Sequence[Operation], prefix: str) -> None:
    """Both are public: they describe every installation alike, and hold nobody's data."""
    server = services.settings.base_url + prefix
    openapi = cache(partial(document, operations, server))  # not before somebody asks for it

    def openapi_json() -> Response:
        text = json.dumps(openapi(), ensure_ascii=False)
        return _cacheable(Response(text, mimetype="application/json"))

    def docs() -> Response:
        page = render_template(
            "docs.html",
            paths=openapi()["paths"],
            operations=operations,
            server=server,
            scopes=SCOPES,
            events=EVENTS,
            problems=KINDS,
            schemas=openapi()["components"]["schemas"],
            sheet=request.script_root + "/static/recover.css",
            json_url=url_for("openapi_json"),
            example=example,
        )
        answer = Response(page, mimetype="text/html")
        answer.headers["Content-Security-Policy"] = POLICY
        return _cacheable(answer)

    def example(operation: Operation) -> str:
        return _curl(operation, server)

    api.jinja_env.trim_blocks = api.jinja_env.lstrip_blocks = True
    for path, name, view in (
        ("/openapi.json", "openapi.json", openapi_json),
        ("/docs", "docs", docs),
    ):
        rule = prefix + path
        api.add_url_rule(
            rule, name.replace(".", "_"), view, methods=["GET"], provide_automatic_options=False
        )


def _cacheable(response: Response) -> Response:
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _curl(operation: Operation, server: str) -> str:
    """How to try it from a terminal."""
    samples = {"case": "case_12", "customer": "cus_NffrFeUfNV2Hib", "endpoint": "we_3"}
    path = operation.path
    for name in operation.parameters:
        path = path.replace(f"{{{name}}}", samples.get(name, "del_12"))
    parts = ["curl", "-H 'Authorization: Bearer rcv_test_...'"]
    if operation.method != "GET":
        parts.append(f"-X {operation.method}")
    if operation.repeatable:
        parts.append("-H 'Idempotency-Key: a-key-of-yours'")
    if operation.body:
        parts.append("--json '{...}'")
    return " ".join([*parts, server + path])
