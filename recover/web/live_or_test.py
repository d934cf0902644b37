"""Live money and test money are never shown together: one mode at a time, chosen by the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, g, redirect, request, session, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from recover.models import Account
from recover.services import Services

CHOICE = "livemode"  # in the session


@dataclass(frozen=True, slots=True)
class Mode:
    """``both``: the company has accounts in either mode, so that there is a choice."""

    live: bool
    both: bool


def mode_for(modes: set[bool]) -> Mode:
    """The mode to show to a company with accounts in these modes: live, unless test was chosen."""
    both = len(modes) > 1
    chosen = session.get(CHOICE, True) if both else True in modes
    return Mode(live=bool(chosen), both=both)


def shown(accounts: Sequence[Account]) -> list[Account]:
    """Those of one company's ``accounts`` that are of the mode being shown."""
    live = mode_for({account.livemode for account in accounts}).live
    return [account for account in accounts if account.livemode == live]


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("live_or_test", __name__)

    @routes.post("/mode")
    def switch() -> Response:
        session[CHOICE] = request.form.get("mode") != "test"
        return redirect(url_for("web.overview.show"), 303)

    @routes.app_context_processor
    def band() -> dict[str, object]:
        return {"shown_mode": lambda: _reader_mode(services)}

    return routes


def _reader_mode(services: Services) -> Mode | None:
    """For the band above the page; None where nobody is signed in, or nothing is connected."""
    if not g.get("user"):
        return None
    query = select(Account.livemode).where(Account.company_id == g.user.company_id).distinct()
    with services.db.read() as database:
        modes = set(database.scalars(query))
    return mode_for(modes) if modes else None
