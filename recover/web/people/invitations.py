"""Settings: an owner's invitations: made, mailed again, handed on, withdrawn."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from recover.models import Invitation
from recover.people import invitations
from recover.people.invitations import InvitationOver, NoInvitation, NotInvited
from recover.services import Services
from recover.web.access_control import current_user
from recover.web.people.members import chosen_role
from recover.web.people.team import page


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("invitations", __name__)

    @routes.post("/settings/team/invitations")
    def invite() -> Response | tuple[str, int]:
        email, role = request.form.get("email", ""), chosen_role()
        try:
            row = invitations.invite(services, current_user(), email, role)
        except NotInvited as error:
            return page(services, invite_fault=str(error), email=email, role=role), 409
        flash(_invitation_message(row))
        return _to_team()

    _add_actions(routes, services)
    return routes


def _add_actions(routes: Blueprint, services: Services) -> None:
    """What the buttons beside an invitation do; another company's does not exist."""

    @routes.post("/settings/team/invitations/<int:invitation_id>/again")
    def again(invitation_id: int) -> Response | tuple[str, int]:
        try:
            row = invitations.resend(services, current_user(), invitation_id)
        except (InvitationOver, NotInvited) as error:
            return page(services, fault=str(error)), 409
        except NoInvitation:
            abort(404)
        flash(_invitation_message(row))
        return _to_team()

    @routes.post("/settings/team/invitations/<int:invitation_id>/link")
    def link(invitation_id: int) -> str | tuple[str, int]:
        try:
            shown = invitations.link_to_copy(services, current_user(), invitation_id)
        except InvitationOver as error:
            return page(services, fault=str(error)), 409
        except NoInvitation:
            abort(404)
        return page(services, shown=shown)

    @routes.post("/settings/team/invitations/<int:invitation_id>/withdraw")
    def withdraw(invitation_id: int) -> Response | tuple[str, int]:
        try:
            row = invitations.withdraw(services, current_user(), invitation_id)
        except InvitationOver as error:
            return page(services, fault=str(error)), 409
        except NoInvitation:
            abort(404)
        flash(f"The invitation of {row.email} is withdrawn; its link does not work any more.")
        return _to_team()


def _invitation_message(row: Invitation) -> str:
    if row.mail_trouble:
        return f"{row.email} is invited, but the mail did not go out. See below for a way round."
    return f"The mail server took the invitation for {row.email}."


def _to_team() -> Response:
    return redirect(url_for("web.team.show", _anchor="invitations"), 303)
