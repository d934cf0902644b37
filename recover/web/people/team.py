"""Settings: the team. Everybody may look; `members` and `invitations` are for owners."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, session, url_for
from werkzeug.wrappers import Response

from recover.models import Company, Invitation, Role
from recover.people import invitations, team
from recover.people.roles import MEANINGS
from recover.people.team import LastOwner
from recover.services import Services
from recover.web.access_control import current_user, may


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("team", __name__)

    @routes.get("/settings/team")
    def show() -> str:
        return page(services)

    @routes.get("/settings/team/leave")
    def confirm_leave() -> str:
        with services.db.read() as database:
            company = database.get_one(Company, current_user().company_id)
        return render_template("people/team_leave.html", company=company)

    @routes.post("/settings/team/leave")
    def leave() -> Response | tuple[str, int]:
        user = current_user()
        try:
            team.remove(services, user.company_id, user.id, f"user:{user.id}")
        except LastOwner as error:
            return page(services, fault=str(error)), 409
        session.clear()
        flash("You left. Your sessions there are ended.")
        return redirect(url_for("web.sign_in.form"), 303)

    return routes


def page(
    services: Services,
    *,
    fault: str = "",
    invite_fault: str = "",
    email: str = "",
    role: str = Role.MEMBER,
    shown: tuple[Invitation, str] | None = None,
) -> str:
    """The team's page. ``shown`` is an invitation with its link to copy, for owners alone."""
    user = current_user()
    with services.db.read() as database:
        company = database.get_one(Company, user.company_id)
        members = team.members(database, user.company_id)
        pending = invitations.pending(database, user.company_id) if may(Role.OWNER) else []
    owners = [one for one in members if one.role == Role.OWNER]
    return render_template(
        "people/team.html",
        company=company,
        members=members,
        pending=pending,
        me=user,
        roles=MEANINGS,
        fault=fault,
        invite_fault=invite_fault,
        email=email,
        role=role,
        shown=shown,
        over=services.now() - invitations.LIFETIME,
        days=invitations.LIFETIME.days,
        most_mails=invitations.MAX_MAILS,
        only_owner=[one.id for one in owners] == [user.id],
    )
