"""The API's error responses: always application/problem+json, RFC 9457."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Flask, Response, current_app
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from recover.foundation.errors import StripeAccessLost, StripeUnavailable

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    status: int
    title: str
    remedy: str


KINDS = {
    "invalid": Kind(400, "The request is not valid", "Mend the fields named in `errors`."),
    "unreadable": Kind(400, "The body cannot be read", "Send a JSON object in UTF-8."),
    "unauthorized": Kind(
        401, "A token is needed", "Send `Authorization: Bearer rcv_...` with a token that is valid."
    ),
    "forbidden": Kind(403, "The token may not do this", "Make a token with the scope named."),
    "not_found": Kind(404, "There is nothing here", "Check the address and the id."),
    "method_not_allowed": Kind(405, "This cannot be done here", "See the header Allow."),
    "conflict": Kind(409, "This cannot be done now", "Read `detail`: it says what is in the way."),
    "under_way": Kind(
        409, "The same request is under way", "Repeat it with the same key in a few seconds."
    ),
    "too_large": Kind(413, "The body is too large", "Send less than 64 kB."),
    "not_json": Kind(415, "The body is not JSON", "Send `Content-Type: application/json`."),
    "key_reused": Kind(
        422, "The Idempotency-Key was used for another request", "Make a new key for each act."
    ),
    "too_many": Kind(429, "Too many calls", "Wait for the seconds in Retry-After."),
    "ours": Kind(500, "Something went wrong on our side", "It was noted; try again later."),
    "stripe_away": Kind(503, "Stripe is not answering", "Nothing was changed; try again later."),
    "stripe_refuses": Kind(
        503, "Stripe refuses our key", "Connect the account again, in the settings."
    ),
}
"""Every kind of problem, by the last part of its ``type``."""

BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "not_json"}


@dataclass(frozen=True, slots=True)
class FieldError:
    """``field`` as the caller wrote it, such as events.0; ``where``: query, body or header."""

    where: str
    field: str
    detail: str


class Problem(Exception):
    """An error response, raised anywhere below a call."""

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or KINDS[kind].title)
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})


def answer(problem: Problem, base_url: str) -> Response:
    kind = KINDS[problem.kind]
    content = {
        "type": f"{base_url}/api/v1/docs#problem-{problem.kind}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail or kind.remedy,
    }
    if problem.errors:
        content["errors"] = [
            {"in": one.where, "field": one.field, "detail": one.detail} for one in problem.errors
        ]
    response = Response(json.dumps(content), kind.status, mimetype=MEDIA_TYPE)
    response.headers.update(problem.headers)
    return response


def configure(app: Flask, base_url: str) -> None:
    """Answer for everything that can be raised, also where no address matched."""

    def problem(error: Problem) -> Response:
        return answer(error, base_url)

    def http(error: HTTPException) -> Response:
        kind = BY_STATUS.get(error.code or 500)
        if kind is None:
            kind = "invalid" if (error.code or 500) < 500 else "ours"  # noqa: PLR2004 - HTTP's own
        allow = error.valid_methods if isinstance(error, MethodNotAllowed) else None
        headers = {"Allow": ", ".join(sorted(allow))} if allow else {}
        return answer(Problem(kind, headers=headers), base_url)

    def unforeseen(error: Exception) -> Response:
        if current_app.testing:
            raise error
        current_app.logger.error("a call of the API failed", exc_info=error)
        return answer(Problem("ours"), base_url)

    def stripe_away(error: StripeUnavailable) -> Response:
        wait = {"Retry-After": str(int(error.retry_after or 30))}
        return answer(Problem("stripe_away", headers=wait), base_url)

    app.register_error_handler(Problem, problem)
    app.register_error_handler(HTTPException, http)
    app.register_error_handler(StripeUnavailable, stripe_away)
    app.register_error_handler(
        StripeAccessLost, lambda _: answer(Problem("stripe_refuses"), base_url)
    )
    app.register_error_handler(Exception, unforeseen)
