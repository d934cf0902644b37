"""Stripe's error answers."""

from __future__ import annotations

from typing import Any

from sandbox.state import Obj


class ApiError(Exception):
    """An error answer. ``executed``: it came from doing the work, so its idempotency key keeps it.

    ``extra`` joins the error object: the payment intent of a decline, its codes, and so on.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type_: str = "invalid_request_error",
        executed: bool = False,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.error: Obj = {"message": message, "type": type_, **extra}

    def body(self) -> Obj:
        code = self.error.get("code")
        if code:
            docs = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
            return {"error": {**self.error, "doc_url": docs}}
        return {"error": self.error}


def missing(kind: str, object_id: str, param: str = "id", status: int = 404) -> ApiError:
    name = kind.replace(".", " ").replace("_", " ")
    if kind in ("payment_method", "payment_intent", "setup_intent"):
        name = "".join(part.capitalize() for part in kind.split("_"))
    return ApiError(status, f"No such {name}: '{object_id}'", code="resource_missing", param=param)


def required(param: str) -> ApiError:
    return ApiError(400, f"Missing required param: {param}.", code="parameter_missing", param=param)


def refused(message: str, code: str = "") -> ApiError:
    """The request is well formed, but the object is in no state for it."""
    extra = {"code": code} if code else {}
    return ApiError(400, message, executed=True, **extra)
