"""Error pages: what went wrong in plain words, and a way out; no technical details."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, default_exceptions

from recover.foundation.errors import StripeAccessLost, StripeUnavailable


@dataclass(frozen=True, slots=True)
class Problem:
    title: str
    text: str


PROBLEMS = {
    400: Problem("That request was not understood", "Go back, load the page again and repeat it."),
    403: Problem("This is not open to you", "Your role here does not include it. Ask an owner."),
    404: Problem("There is nothing here", "The address may be mistyped, or the page is gone."),
    405: Problem("That cannot be done here", "Go back and use the buttons of the page."),
    409: Problem("Something changed meanwhile", "Load the page again to see how things stand."),
    413: Problem("That was too much", "The request was larger than this page accepts."),
    429: Problem("Too many attempts", "Please wait a while, then try again."),
    500: Problem("Something went wrong on our side", "It was noted. Nothing was charged twice."),
    503: Problem("Not available right now", "Please try again in a minute."),
}
FORM_EXPIRED = Problem(
    "This page was open for too long",
    "Nothing was sent. Load the page again and repeat the last step. Your browser must accept"
    " cookies from this address.",
)
STRIPE_AWAY = Problem("Stripe is not answering", "Nothing was changed. Try again in a minute.")
STRIPE_REFUSED = Problem(
    "Stripe refuses our key",
    "The account's key was revoked, or lacks a permission. Connect the account again.",
)


def configure(app: Flask) -> None:
    app.register_error_handler(CSRFError, lambda _: page(400, FORM_EXPIRED))
    app.register_error_handler(StripeUnavailable, lambda _: page(503, STRIPE_AWAY))
    app.register_error_handler(StripeAccessLost, lambda _: page(503, STRIPE_REFUSED))
    for status in default_exceptions:
        app.register_error_handler(status, _http)


def page(status: int, problem: Problem) -> tuple[str, int]:
    again = request.method == "GET" and status >= 500  # noqa: PLR2004
    here = request.script_root + request.path if again else ""
    return render_template(
        "shared/problem.html", problem=problem, status=status, again=here
    ), status


def _http(error: Exception) -> tuple[str, int]:
    status = error.code or 500 if isinstance(error, HTTPException) else 500
    default = Problem(default_exceptions[status]().name, "") if status not in PROBLEMS else None
    return page(status, default or PROBLEMS[status])
