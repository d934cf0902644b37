"""From an HTTP request to a view and back: keys, faults, idempotency, expansion, headers."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
from functools import partial

from flask import Flask, Request, Response, request

from sandbox.api import access, oauth, pages
from sandbox.api.call import ROUTES, Call, Route, check_params
from sandbox.api.errors import ApiError
from sandbox.api.expand import check_depth, expand
from sandbox.api.forms import parse
from sandbox.api.idempotency import IdempotencyKeys, Kept
from sandbox.api.views import load
from sandbox.faults import Fault
from sandbox.sandbox import Sandbox
from sandbox.shapes import API_VERSION
from sandbox.state import Obj

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "authorization, content-type, stripe-account, stripe-version",
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
}


def create_stripe(sandbox: Sandbox) -> Flask:
    """Stripe's API for this sandbox, with its Checkout pages and its Stripe.js."""
    app = Flask("sandbox", static_folder=None)
    front = _Front(sandbox)
    load()
    for number, entry in enumerate(ROUTES):
        app.add_url_rule(
            entry.pattern,
            f"api{number}",
            partial(front.answer, entry),
            methods=[entry.method],
            provide_automatic_options=False,
        )
    app.add_url_rule("/v1/<path:rest>", "preflight", _preflight, methods=["OPTIONS"])
    app.register_error_handler(404, _unrecognized)
    app.register_error_handler(405, _unrecognized)
    app.register_blueprint(pages.blueprint(sandbox))
    app.register_blueprint(oauth.blueprint(sandbox))
    return app


class _Front:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.keys = IdempotencyKeys()
        self._requests = itertools.count(1)

    def answer(self, entry: Route, **ids: str) -> Response:
        self.sandbox.state.base_url = self.sandbox.state.base_url or request.host_url.rstrip("/")
        fault = self.sandbox.faults.take(f"{request.method} {request.path}")
        if fault is Fault.PROXY:
            page = "<html><body><h1>Not what you asked for</h1></body></html>"
            return Response(page, self.sandbox.faults.proxy_status, content_type="text/html")
        try:
            _spoil(fault)
            status, body, replayed = self._handle(entry, ids)
        except ApiError as error:
            status, body, replayed = error.status, _encode(error.body()), False
        if fault is Fault.DROP:
            return _cut()
        return self._respond(status, body, replayed=replayed)

    def _handle(self, entry: Route, ids: dict[str, str]) -> tuple[int, bytes, bool]:
        params = parse((request.form if request.method == "POST" else request.args).items(True))
        key = access.authenticate(self.sandbox, _secret(request, params))
        header = request.headers.get("Stripe-Account") or params.get("_stripe_account", "")
        store = access.account_for(self.sandbox, key, header)
        access.permit(key, request.method, request.path, public=entry.public)
        check_params(entry, params)
        check_depth(params.get("expand", []))
        call = Call(self.sandbox, store, key, request.path, params)
        idempotency_key = request.headers.get("Idempotency-Key", "")
        if request.method != "POST" or not idempotency_key:
            return (*self._execute(entry, call, ids)[:2], False)
        with self.keys.hold(store.id, idempotency_key):
            return self._once(entry, call, ids, idempotency_key)

    def _once(
        self, entry: Route, call: Call, ids: dict[str, str], key: str
    ) -> tuple[int, bytes, bool]:
        asked = f"{entry.method} {call.path} {json.dumps(call.params, sort_keys=True)}"
        kept = self.keys.recall(call.store.id, key, asked, call.state.now())
        if kept:
            return kept.status, kept.body, True
        status, body, executed = self._execute(entry, call, ids)
        if executed:
            self.keys.keep(call.store.id, key, Kept(asked, call.state.now(), status, body))
        return status, body, False

    def _execute(self, entry: Route, call: Call, ids: dict[str, str]) -> tuple[int, bytes, bool]:
        """(status, body, whether an idempotency key keeps it)."""
        with call.state.lock:
            try:
                shown = expand(call.store, entry.view(call, **ids), call.params.get("expand", []))
            except ApiError as error:
                return error.status, _encode(error.body()), error.executed
            return 200, _encode(shown), True

    def _respond(self, status: int, body: bytes, *, replayed: bool) -> Response:
        response = Response(body, status, content_type="application/json")
        response.headers.update(_CORS)
        response.headers["Request-Id"] = f"req_sandbox{next(self._requests):08d}"
        response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
        for name in ("Idempotency-Key", "Stripe-Account"):
            if name in request.headers:
                response.headers[name] = request.headers[name]
        if replayed:
            response.headers["Idempotent-Replayed"] = "true"
        if status == 429 and self.sandbox.faults.retry_after is not None:
            response.headers["Retry-After"] = str(self.sandbox.faults.retry_after)
        return response


def _spoil(fault: Fault | None) -> None:
    if fault is Fault.RATE_LIMIT:
        raise ApiError(
            429,
            "Request rate limit exceeded. You can learn more about rate limits here "
            "https://stripe.com/docs/rate-limits.",
            code="rate_limit",
        )
    if fault is Fault.LOCKED:
        raise ApiError(
            429,
            "This object cannot be accessed right now because another API request or Stripe "
            "process is currently accessing it.",
            code="lock_timeout",
        )
    if fault is Fault.OUTAGE:
        raise ApiError(500, "An unknown error occurred", type_="api_error")


def _cut() -> Response:
    """Close the connection without a word; 500 where the server does not show its socket."""
    connection = request.environ.get("werkzeug.socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    return Response(_encode({"error": {"type": "api_error", "message": "Unknown error"}}), 500)


def _secret(asked: Request, params: Obj) -> str:
    """The API key: Bearer, Basic as curl sends it, or ``key`` as Stripe.js does."""
    credentials = asked.authorization
    if credentials is None:
        return str(params.get("key", ""))
    return credentials.token or credentials.username or ""


def _encode(body: Obj) -> bytes:
    return json.dumps(body, indent=2).encode()


def _preflight(rest: str) -> Response:  # noqa: ARG001 - the rule names it
    return Response(status=204, headers=_CORS)


def _unrecognized(_: Exception) -> Response:
    error = ApiError(
        404,
        f"Unrecognized request URL ({request.method}: {request.path}). Please see "
        "https://stripe.com/docs or we can help at https://support.stripe.com/.",
    )
    return Response(_encode(error.body()), 404, content_type="application/json")
