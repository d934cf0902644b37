"""The accounts of the signed-in user's company."""

from __future__ import annotations

from flask import abort

from recover.models import Account
from recover.reporting import figures
from recover.services import Services
from recover.web.access_control import current_user


def owned(services: Services, account_id: int) -> tuple[list[Account], Account]:
    """All accounts of the user's company, and the one with that id; 404 for another company's."""
    with services.db.read() as session:
        mine = figures.accounts_of(session, current_user().company_id)
    found = next((one for one in mine if one.id == account_id), None)
    return mine, found or abort(404)
