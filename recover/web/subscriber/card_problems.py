"""What the card page says when something is in the way: in the reader's language, or as JSON."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, jsonify, request
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response

from recover.foundation.errors import LinkExpired, LinkInvalid, StripeAccessLost, StripeUnavailable
from recover.models import Account
from recover.services import Services
from recover.subscribers.card_caps import TooManyCardUpdates
from recover.subscribers.card_update import NotPossible
from recover.web import reader_locale
from recover.web.subscriber import card_view
from recover.web.translations import Words

Answer = tuple[str, int] | tuple[Response, int]

RETRY = "retry"  # the buttons a page of words may carry
RELOAD = "reload"
FRESH = "fresh"


def answer_problems(routes: Blueprint, services: Services) -> None:
    """Handlers for everything the card page's views raise."""

    def answer(state: str, status: int, button: str = "") -> Callable[[Exception], Answer]:
        return lambda _: problem_response(services, state, status, button)

    def too_many(error: TooManyCardUpdates) -> Answer:
        return problem_response(services, f"too_many_{error.scope}", 429)

    routes.register_error_handler(LinkInvalid, answer("invalid", 404))
    routes.register_error_handler(LinkExpired, answer("expired", 410, FRESH))
    routes.register_error_handler(TooManyCardUpdates, too_many)
    routes.register_error_handler(NotPossible, answer("changed", 409, RELOAD))
    routes.register_error_handler(CSRFError, answer("form_expired", 400, RELOAD))
    routes.register_error_handler(StripeUnavailable, answer("unavailable", 503, RETRY))
    routes.register_error_handler(StripeAccessLost, answer("unavailable", 503, RETRY))


def problem_response(services: Services, state: str, status: int, button: str = "") -> Answer:
    """The words of ``state`` as a page, or as JSON where the script asked."""
    token = (request.view_args or {}).get("token", "")
    account, t = _reader_of_link(services, token)
    if request.accept_mimetypes.best == "application/json":
        lead = t(f"lead_{state}", company=account.name if account else "")
        return jsonify(state="problem", message=lead), status
    return card_view.notice(account, state, status, t, token=token, button=button)


def _reader_of_link(services: Services, token: str) -> tuple[Account | None, Words]:
    """Whose link it is, even an expired one's, and their language; nobody for a foreign link."""
    try:
        account, link = card_view.link_of_any_age(services, token)
    except LinkInvalid:
        return None, reader_locale.words()
    return account, card_view.words_of(services, account, link)
