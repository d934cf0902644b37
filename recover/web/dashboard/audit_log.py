"""The page of the audit log: who did what, when and why, and whether the log is unaltered."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, abort, render_template, request, stream_with_context
from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.compliance import access_log, audit_export, audit_log
from recover.models import Role, User
from recover.reporting import figures
from recover.services import Services
from recover.web import labels
from recover.web.access_control import actor, current_user
from recover.web.dashboard import audit_log_list
from recover.web.dashboard.audit_log_list import Filters

ACTORS = {
    "recover": "Recover",
    "people": "People at the company",
    "stripe": "Stripe",
    "subscriber": "Subscribers",
    "command": "Command line",
}
LONGEST = 100


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("audit_log", __name__)

    @routes.get("/settings/record")
    def show() -> str:
        filters = _filters()
        access_log.note_audit_log_read(services, actor(), current_user().company_id)
        with services.db.read() as session:
            chains = _chain_names(session)
            page = audit_log_list.page(session, list(chains), filters)
            heads = audit_log_list.heads(session, list(chains))
            names = _user_names(session)
        return render_template(
            "dashboard/audit_log.html",
            filters=filters,
            page=page,
            chains=chains,
            heads=heads,
            names=names,
            actors=ACTORS,
            verbs=dict(sorted(labels.VERBS.items(), key=lambda verb: verb[1])),
            who=_actor_name,
            address=_query_args,
            owner=Role(current_user().role).may(Role.OWNER),
            zone=_zone(services),
            formats=audit_export.FORMATS,
        )

    return routes


def export_blueprint(services: Services) -> Blueprint:
    """The export, for owners alone: the file names customers."""
    routes = Blueprint("audit_log_export", __name__)

    @routes.post("/settings/record/export")
    def download() -> Response:
        form = request.form.get("format", "")
        with services.db.begin() as session:
            chains = _chain_names(session)
            wanted = [chain for chain in chains if request.form.get("chain") in ("", chain)]
            if form not in audit_export.FORMATS or not wanted:
                abort(400)
            audit_log.write(
                session,
                "export",
                f"The audit log was exported: {', '.join(wanted)}.",
                services.now(),
                audit_log.Subject("record", company_id=current_user().company_id),
                actor=actor(),
                details={"format": form},
            )
        text = stream_with_context(audit_export.export(services.db, wanted, form))
        mimetype = "text/csv" if form == "csv" else "application/jsonl"
        response = Response(text, mimetype=mimetype)
        name = f"recover-record-{services.now():%Y-%m-%d}.{form}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    return routes


def _filters() -> Filters:
    words = {name: request.args.get(name, "").strip()[:LONGEST] for name in asdict(Filters())}
    return Filters(**words)


def _query_args(filters: Filters, **changes: str) -> dict[str, str]:
    """The query arguments of this page with some changed; a change of filter starts at the top."""
    kept = asdict(filters) | {"before": ""} | changes
    return {name: value for name, value in kept.items() if value}


def _chain_names(session: Session) -> dict[str, str]:
    """The company's own chain and those of its accounts, with their names."""
    company_id = current_user().company_id
    accounts = figures.accounts_of(session, company_id)
    found = {
        f"account:{one.id}": f"{one.name or one.stripe_account_id}"
        + ("" if one.livemode else " (test)")
        for one in accounts
    }
    return found | {f"company:{company_id}": "People and company settings"}


def _user_names(session: Session) -> dict[str, str]:
    """The company's users as actors, by their mail addresses."""
    query = select(User.id, User.email).where(User.company_id == current_user().company_id)
    return {audit_log.user_actor(user_id): email for user_id, email in session.execute(query)}


def _actor_name(actor_key: str, names: dict[str, str]) -> str:
    return names.get(actor_key) or ACTORS.get(actor_key) or actor_key.replace(":", " ")


def _zone(services: Services) -> str:
    with services.db.read() as session:
        accounts = figures.accounts_of(session, current_user().company_id)
    return accounts[0].timezone if accounts and accounts[0].timezone else "UTC"
