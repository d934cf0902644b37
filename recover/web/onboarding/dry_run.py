"""The dry run's pages: its figures with the list of invoices, and one invoice day by day."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from recover.dunning import RetryMode
from recover.foundation.errors import PermanentError
from recover.models import ReportKind, ReportState
from recover.onboarding import dry_run, history_import
from recover.onboarding.dry_run.wording import UNKNOWN
from recover.reporting import background_reports
from recover.services import Services
from recover.web.access_control import actor
from recover.web.onboarding.checklist import REFRESH_SECONDS, mark_as_seen, may_change
from recover.web.own_accounts import owned

PAGE = 30
LARGEST_ID = 2**62


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("dry_run", __name__)

    @routes.get("/start/<int:account_id>/dry-run")
    def show(account_id: int) -> str:
        _, account = owned(services, account_id)
        with services.db.read() as session:
            progress = history_import.progress_of(session, account.id, services.now())
            newest = background_reports.newest(session, account.id, ReportKind.DRY_RUN)
            done = background_reports.newest(
                session, account.id, ReportKind.DRY_RUN, ReportState.DONE
            )
            lines, after = (
                background_reports.page(session, done, page_after(), PAGE) if done else ([], 0)
            )
        if done:
            mark_as_seen(services, account, "dry_run_at", "The dry run was looked at.")
        return render_template(
            "onboarding/dry_run.html",
            account=account,
            progress=progress,
            newest=newest,
            report=done,
            lines=lines,
            after=after,
            unknown=UNKNOWN,
            days=dry_run.DAYS,
            at=at,
            refresh=REFRESH_SECONDS,
            changes=may_change(),
        )

    @routes.post("/start/<int:account_id>/dry-run")
    def ask(account_id: int) -> Response:
        _, account = owned(services, account_id)
        mode = request.form.get("mode", "")
        wanted = mode if mode in (RetryMode.RECOVER, RetryMode.STRIPE) else ""
        try:
            dry_run.request(services, account, actor(), wanted)
        except PermanentError:
            flash("The history is not imported yet. The dry run follows by itself.")
        return redirect(url_for("web.dry_run.show", account_id=account.id), 303)

    @routes.get("/start/<int:account_id>/dry-run/<invoice_id>")
    def invoice(account_id: int, invoice_id: str) -> str:
        _, account = owned(services, account_id)
        with services.db.read() as session:
            done = background_reports.newest(
                session, account.id, ReportKind.DRY_RUN, ReportState.DONE
            )
            line = background_reports.line(session, done, invoice_id) if done else None
        if done is None or line is None:
            abort(404)
        return render_template(
            "onboarding/dry_run_invoice.html",
            account=account,
            report=done,
            line=line,
            at=at,
            unknown=UNKNOWN,
        )

    return routes


def at(text: str) -> datetime:
    """The moment that a report stores as ISO 8601."""
    return datetime.fromisoformat(text)


def page_after() -> int:
    """The cursor in the address; 0, the start, where it is no row's id."""
    wanted = request.args.get("after", default=0, type=int)
    return wanted if 0 <= wanted < LARGEST_ID else 0
