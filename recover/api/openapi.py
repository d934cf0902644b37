"""The OpenAPI 3.1 document, made of the same declarations that route and check each call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from recover import __doc__ as product
from recover.api.field_types import IDEMPOTENCY_KEY, PATHS
from recover.api.operations import Operation
from recover.api.problems import KINDS, MEDIA_TYPE
from recover.integrations.api_tokens import SCOPES

Json = dict[str, Any]
VERSION = "1.0.0"
REF = "#/components/schemas/{model}"

ABOUT = f"""{(product or "Recover").strip()}

Every call needs a token, made in the settings under API. A token sees the accounts of one company
in one mode, test or live, and nothing else: what belongs to others is answered with 404. Errors are
`application/problem+json`. Lists come newest first; `next` of a page goes into `after` of the next.
Each answer says in `RateLimit-Remaining` how many calls are left in this minute.
"""

PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457.",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Which kind: see the docs."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do, in plain words."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "in": {"type": "string", "enum": ["query", "body", "header"]},
                    "field": {"type": "string"},
                    "detail": {"type": "string"},
                },
                "required": ["in", "field", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}


def document(operations: Sequence[Operation], server: str) -> Json:
    """The whole document; ``server`` is the address it is served at."""
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Recover", "version": VERSION, "description": ABOUT},
        "servers": [{"url": server}],
        "tags": [{"name": name} for name in dict.fromkeys(one.group for one in operations)],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Scopes: " + ", ".join(SCOPES),
                }
            },
        },
    }


def _operation(operation: Operation) -> Json:
    needs = f"Needs the scope `{operation.scope}`."
    made: Json = {
        "operationId": operation.name,
        "tags": [operation.group],
        "summary": operation.summary,
        "description": f"{operation.about}\n\n{needs}".strip(),
        "parameters": [*_path(operation), *_query(operation), *_headers(operation)],
        "responses": _responses(operation),
    }
    if operation.body:
        made["requestBody"] = {"required": True, "content": _content(operation.body)}
    return made


def _path(operation: Operation) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": PATHS[name]},
        }
        for name in operation.parameters
    ]


def _query(operation: Operation) -> list[Json]:
    if operation.query is None:
        return []
    properties = operation.query.model_json_schema()["properties"]
    return [_parameter(name, deepcopy(schema)) for name, schema in properties.items()]


def _parameter(name: str, schema: Json) -> Json:
    """A parameter that is left out is not null: a query has no null."""
    schema.pop("title", None)
    about = schema.pop("description", "")
    kinds = [one for one in schema.pop("anyOf", []) if one.get("type") != "null"]
    if kinds:
        schema = kinds[0]
    made = {"name": name, "in": "query", "required": False, "schema": schema}
    return made | ({"description": about} if about else {})


def _headers(operation: Operation) -> list[Json]:
    if not operation.repeatable:
        return []
    text = "Of your making, new for each act; a repeat with the same key is not done again."
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": IDEMPOTENCY_KEY}
    return [{"name": "Idempotency-Key", "in": "header", "description": text, "schema": schema}]


def _responses(operation: Operation) -> Json:
    done: Json = {"description": operation.summary}
    if operation.answer:
        done["content"] = _content(operation.answer)
    found: Json = {str(operation.status): done}
    for kind in _problems(operation):
        status, title = str(KINDS[kind].status), KINDS[kind].title
        if status in found:
            found[status]["description"] += f". Or: {title}"
        else:
            schema = {"$ref": REF.format(model="Problem")}
            found[status] = {"description": title, "content": {MEDIA_TYPE: {"schema": schema}}}
    return found


def _problems(operation: Operation) -> Iterable[str]:
    yield from ("invalid", "unauthorized", "forbidden", "not_found", "too_many", "ours")
    if operation.body:
        yield from ("unreadable", "too_large", "not_json")
    if operation.repeatable:
        yield from ("under_way", "key_reused")
    yield from operation.problems


def _content(model: type[BaseModel]) -> Json:
    return {"application/json": {"schema": {"$ref": REF.format(model=model.__name__)}}}


def _schemas(operations: Sequence[Operation]) -> Json:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = []
    for operation in operations:
        if operation.answer:
            models.append((operation.answer, "serialization"))
        if operation.body:
            models.append((operation.body, "validation"))
    _, schemas = models_json_schema(list(dict.fromkeys(models)), ref_template=REF)
    found: Json = schemas["$defs"] | {"Problem": PROBLEM}
    return dict(sorted(found.items()))
