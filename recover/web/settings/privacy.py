"""For owners: how long personal data is kept, a copy of a person's data, and their erasure."""

from __future__ import annotations

import json

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from recover.compliance import erasure, retention
from recover.compliance.access_log import VIEW
from recover.compliance.audit_log import note_customer
from recover.compliance.erasure import Person
from recover.foundation.errors import PermanentError
from recover.models import Company
from recover.services import Services
from recover.web.access_control import actor, current_user

LONGEST = 255


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("privacy", __name__)
    _add_retention_routes(routes, services)
    _add_person_routes(routes, services)
    return routes


def _add_retention_routes(routes: Blueprint, services: Services) -> None:
    @routes.get("/settings/personal-data")
    def show() -> str:
        return _page(services)

    @routes.post("/settings/personal-data/keep")
    def keep() -> Answer | str:
        """Save how long, or (with ``try``) only show what would go."""
        typed = request.form.get("days", "").strip()
        days = int(typed) if typed.isdecimal() and len(typed) < 6 else None  # noqa: PLR2004 - no number of days has more
        if typed and days is None:
            return _page(services, typed, fault=f"{typed!r} is no number of days.")
        if "try" in request.form:
            return _page(services, typed, preview=True)
        try:
            retention.set_keep_days(services, current_user().company_id, days, actor=actor())
        except PermanentError as error:
            return _page(services, typed, fault=str(error))
        flash("Saved. What is older goes tonight." if days else "Saved. Nothing goes by itself.")
        return redirect(url_for("web.privacy.show"), 303)


def _add_person_routes(routes: Blueprint, services: Services) -> None:
    @routes.post("/settings/personal-data/person")
    def find() -> str:
        """Who is meant, and what would become of their data: nothing is changed yet."""
        who = _person_asked_for()
        person = _looked_up(services, who) if who else None
        if person is None:
            return _page(services, who=who, missing=True)
        return render_template("settings/privacy_person.html", who=who, person=person)

    @routes.post("/settings/personal-data/copy")
    def copy() -> Answer | str:
        found = erasure.export_person(
            services, current_user().company_id, _person_asked_for(), actor=actor()
        )
        if found is None:
            return _page(services, who=_person_asked_for(), missing=True)
        text = json.dumps(found, indent=2, ensure_ascii=False)
        answer = Response(text, mimetype="application/json")
        answer.headers["Content-Disposition"] = 'attachment; filename="personal-data.json"'
        return answer

    @routes.post("/settings/personal-data/erase")
    def erase() -> Answer | str:
        done = erasure.erase(
            services, current_user().company_id, _person_asked_for(), actor=actor()
        )
        if done is None:
            return _page(services, who=_person_asked_for(), missing=True)
        flash(
            f"Erased. {done.cases} cases, {done.messages} mails and {done.lines} entries of the"
            " audit log name nobody any more, and no more mail is sent to them."
        )
        return redirect(url_for("web.privacy.show"), 303)


def _looked_up(services: Services, who: str) -> Person | None:
    """The person looked up. Who looked is written to the audit log."""
    with services.db.begin() as session:
        person = erasure.find(session, current_user().company_id, who)
        for one in person.customers if person else ():
            note_customer(
                session,
                VIEW,
                "Looked up what is kept about them.",
                services.now(),
                actor=actor(),
                account_id=one.account_id,
                customer_id=one.stripe_customer_id,
            )
    return person


def _person_asked_for() -> str:
    return request.form.get("who", "").strip()[:LONGEST]


def _page(
    services: Services,
    typed: str | None = None,
    *,
    fault: str = "",
    preview: bool = False,
    who: str = "",
    missing: bool = False,
) -> str:
    with services.db.read() as session:
        company = session.get_one(Company, current_user().company_id)
        days = company.keep_days if typed is None else int(typed) if typed.isdecimal() else None
        goes = retention.due(session, company, services.now(), days) if preview or days else None
    return render_template(
        "settings/privacy.html",
        company=company,
        days=typed if typed is not None else days,
        goes=goes,
        fault=fault,
        preview=preview,
        who=who,
        missing=missing,
        least=retention.LEAST_DAYS,
        most=retention.MOST_DAYS,
    )
