"""From a request to an operation and back: authenticate, authorize, validate, perform, respond."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request
from pydantic import BaseModel, ValidationError

from recover.api.field_types import IDEMPOTENCY_KEY, PATHS
from recover.api.operations import Call, Operation
from recover.api.problems import FieldError, Problem, answer
from recover.api.request_models import In
from recover.integrations import api_tokens, idempotency_keys
from recover.integrations.api_tokens import Holder, TokenRefused
from recover.services import Services

LONGEST_BODY = 64 * 1024
SPAN = 60  # seconds, of the limit of calls
KEY = "Idempotency-Key"
TYPES = {"model_type": "must be a JSON object", "extra_forbidden": "is not a field there is"}


def configure(api: Flask) -> None:
    api.config.update(MAX_CONTENT_LENGTH=LONGEST_BODY)

    @api.after_request
    def protect(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        for name, value in g.get("limit_headers", {}).items():
            response.headers[name] = value
        return response


def view(operation: Operation, services: Services) -> Callable[..., Response]:
    """What Flask calls for an operation."""

    def call(**path: str) -> Response:
        holder = _holder(services)
        _count_call(services, holder)
        if operation.scope not in holder.scopes:
            raise Problem(
                "forbidden", f"This token lacks the scope {operation.scope}; make one that has it."
            )
        for name, value in path.items():
            if not re.fullmatch(PATHS[name].rstrip("$"), value, re.ASCII):
                raise Problem("not_found", "There is no such id.")
        query = _validated_query(operation.query)
        body = _validated_body(operation.body) if operation.body else None
        asked = Call(services, holder, path, query, body)
        return (
            _perform_once(operation, asked) if operation.repeatable else _perform(operation, asked)
        )

    return call


def _holder(services: Services) -> Holder:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        return api_tokens.holder(services, token.strip() if scheme.lower() == "bearer" else "")
    except TokenRefused as error:
        headers = {"WWW-Authenticate": 'Bearer realm="Recover"'}
        raise Problem("unauthorized", str(error), headers=headers) from None


def _count_call(services: Services, holder: Holder) -> None:
    """Count the call against the token's limit. Raises Problem above it.

    Without Redis no call is counted and none refused: the limit only keeps clients polite.
    """
    limit = services.settings.api_calls_per_minute
    counted = services.enqueue.count(f"api:{holder.token_id}", SPAN)
    if counted is None:
        return
    count, left = counted
    g.limit_headers = {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(max(limit - count, 0)),
        "RateLimit-Reset": str(left),
    }
    if count > limit:
        text = f"This token may call {limit} times a minute."
        raise Problem("too_many", text, headers={"Retry-After": str(max(left, 1))})


def _validated_query(model: type[BaseModel] | None) -> BaseModel:
    doubled = [name for name, values in request.args.lists() if len(values) > 1]
    if doubled:
        errors = [FieldError("query", name, "is given more than once") for name in doubled]
        raise Problem("invalid", errors=errors)
    try:
        return (model or In).model_validate(request.args.to_dict())
    except ValidationError as error:
        raise Problem("invalid", errors=_field_errors("query", error)) from None


def _validated_body(model: type[BaseModel]) -> BaseModel:
    if request.mimetype != "application/json":
        raise Problem("not_json")
    try:
        return model.model_validate_json(request.get_data(cache=True), strict=True)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise Problem("unreadable", "The body is not JSON.") from None
        raise Problem("invalid", errors=_field_errors("body", error)) from None


def _field_errors(where: str, error: ValidationError) -> list[FieldError]:
    return [
        FieldError(
            where,
            ".".join(map(str, one["loc"])),
            TYPES.get(one["type"], one["msg"].removeprefix("Value error, ")),
        )
        for one in error.errors(include_url=False, include_input=False)
    ]


def _perform(operation: Operation, call: Call) -> Response:
    return _response(operation, operation.act(call))


def _response(operation: Operation, result: Any) -> Response:
    if operation.answer is None:
        return Response(status=operation.status)
    body = operation.answer.model_validate(result).model_dump_json()
    return Response(body, operation.status, mimetype="application/json")


def _perform_once(operation: Operation, call: Call) -> Response:
    """Perform it once for each Idempotency-Key; a repeat gets the first response again."""
    key = request.headers.get(KEY)
    if key is None:
        return _perform(operation, call)
    if (
        not re.fullmatch(IDEMPOTENCY_KEY.rstrip("$"), key)
        or len(key) > idempotency_keys.MAX_KEY_LENGTH
    ):
        text = f"must be 1 to {idempotency_keys.MAX_KEY_LENGTH} printable ASCII characters"
        raise Problem("invalid", errors=[FieldError("header", KEY, text)])
    token_id = call.holder.token_id
    asked = idempotency_keys.fingerprint(request.method, request.path, request.get_data(cache=True))
    before = idempotency_keys.begin(call.services, token_id, key, asked)
    if before is None:
        return _perform_first(operation, call, key)
    if before.differs:
        raise Problem("key_reused")
    if before.under_way:
        raise Problem("under_way", headers={"Retry-After": "5"})
    response = Response(before.body, before.status, mimetype="application/json")
    if before.status >= 400:  # noqa: PLR2004 - HTTP's own bound
        response.mimetype = "application/problem+json"
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _perform_first(operation: Operation, call: Call, key: str) -> Response:
    services, token_id = call.services, call.holder.token_id
    try:
        response = _perform(operation, call)
    except Problem as problem:
        response = answer(problem, services.settings.base_url)
    except BaseException:
        idempotency_keys.finish(services, token_id, key, 500, "")
        raise
    idempotency_keys.finish(
        services, token_id, key, response.status_code, response.get_data(as_text=True)
    )
    return response
