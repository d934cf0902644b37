"""Settings: what owners may do about the people of their company."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from recover.models import Role, User
from recover.people import team
from recover.people.team import LastOwner, NoSuchMember
from recover.services import Services
from recover.web.access_control import current_user
from recover.web.people.team import page


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("members", __name__)

    @routes.post("/settings/team/<int:user_id>/role")
    def change_role(user_id: int) -> Response | tuple[str, int]:
        owner, role = current_user(), chosen_role()
        try:
            user = team.change_role(services, owner.company_id, user_id, role, f"user:{owner.id}")
        except LastOwner as error:
            return page(services, fault=str(error)), 409
        except NoSuchMember:
            abort(404)
        flash(f"{user.email} is {user.role} now.")
        return _to_team()

    @routes.get("/settings/team/<int:user_id>/remove")
    def confirm_remove(user_id: int) -> str:
        return render_template("people/team_remove.html", member=_member(services, user_id))

    @routes.post("/settings/team/<int:user_id>/remove")
    def remove(user_id: int) -> Response | tuple[str, int]:
        owner = current_user()
        try:
            user = team.remove(services, owner.company_id, user_id, f"user:{owner.id}")
        except LastOwner as error:
            return page(services, fault=str(error)), 409
        except NoSuchMember:
            abort(404)
        flash(f"{user.email} is removed and signed out.")
        return _to_team()

    @routes.post("/settings/team/<int:user_id>/sign-out")
    def sign_out(user_id: int) -> Response:
        owner = current_user()
        try:
            count = team.end_sessions(services, owner.company_id, user_id, f"user:{owner.id}")
        except NoSuchMember:
            abort(404)
        flash(f"Sessions ended: {count}.")
        return _to_team()

    return routes


def chosen_role() -> Role:
    """The role a form names; anything else is no form of ours."""
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        abort(400)


def _member(services: Services, user_id: int) -> User:
    with services.db.read() as session:
        found = [
            one for one in team.members(session, current_user().company_id) if one.id == user_id
        ]
    if not found:
        abort(404)
    return found[0]


def _to_team() -> Response:
    return redirect(url_for("web.team.show"), 303)
