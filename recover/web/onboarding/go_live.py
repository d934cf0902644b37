"""Leaving observe mode: the switch-over report, a confirmation with the first steps, the switch."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from recover.dunning import RetryMode
from recover.foundation.errors import PermanentError
from recover.models import Account, Report, ReportKind, ReportState
from recover.onboarding.checklist import going_live, items, progress
from recover.reporting import background_reports
from recover.services import Services
from recover.web.access_control import actor
from recover.web.onboarding.checklist import REFRESH_SECONDS, may_change
from recover.web.onboarding.dry_run import at, page_after
from recover.web.own_accounts import owned

PAGE = 30
CHOICES = {
    RetryMode.RECOVER: (
        "Recover retries and writes",
        (
            "Recover times the retries, charges new cards at once and writes to subscribers."
            " Stripe's own retries should be off."
        ),
    ),
    RetryMode.STRIPE: (
        "Stripe retries, Recover writes",
        (
            "Stripe's retries stay on. Recover writes to subscribers and charges a new card at"
            " once; it makes no scheduled retry of its own."
        ),
    ),
}


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("go_live", __name__)

    @routes.get("/start/<int:account_id>/live")
    def show(account_id: int) -> str:
        _, account = owned(services, account_id)
        with services.db.read() as session:
            newest = background_reports.newest(session, account.id, ReportKind.SWITCHOVER)
            done = background_reports.newest(
                session, account.id, ReportKind.SWITCHOVER, ReportState.DONE
            )
            lines, after = (
                background_reports.page(session, done, page_after(), PAGE) if done else ([], 0)
            )
        return render_template(
            "onboarding/go_live.html",
            account=account,
            newest=newest,
            report=done,
            lines=lines,
            after=after,
            at=at,
            fresh=going_live.fresh(done, services.now()),
            choices=CHOICES,
            refresh=REFRESH_SECONDS,
            changes=may_change(),
            modes=tuple(RetryMode),
        )

    @routes.post("/start/<int:account_id>/live")
    def ask(account_id: int) -> Response:
        _, account = owned(services, account_id)
        going_live.request_report(services, account, actor())
        return redirect(url_for("web.go_live.show", account_id=account.id), 303)

    _add_switch_routes(routes, services)
    return routes


def _add_switch_routes(routes: Blueprint, services: Services) -> None:
    @routes.get("/start/<int:account_id>/live/<mode>")
    def confirm(account_id: int, mode: str) -> Response | str:
        account, report = _account_and_fresh_report(services, account_id, mode)
        if report is None:
            flash("First see who owns each past-due invoice now.")
            return redirect(url_for("web.go_live.show", account_id=account.id), 303)
        with services.db.read() as session:
            found = progress.checklist(services, session, account)
        undone = [one for one in found.items[:-1] if one.state != items.DONE]
        return render_template(
            "onboarding/go_live_confirm.html",
            account=account,
            report=report,
            mode=mode,
            undone=undone,
            choice=CHOICES[RetryMode(mode)],
            acts=going_live.first_acts(report, mode),
        )

    @routes.post("/start/<int:account_id>/live/<mode>")
    def go(account_id: int, mode: str) -> Response:
        account, _ = _account_and_fresh_report(services, account_id, mode)
        try:
            going_live.go(services, account, mode, actor())
        except PermanentError as error:
            flash(str(error))
            return redirect(url_for("web.go_live.show", account_id=account.id), 303)
        flash(f"{account.name} is live, in {mode} mode. Every open case is planned anew now.")
        return redirect(url_for("web.overview.show"), 303)


def _account_and_fresh_report(
    services: Services, account_id: int, mode: str
) -> tuple[Account, Report | None]:
    """The account, and its switch-over report if that is fresh enough to decide on."""
    _, account = owned(services, account_id)
    if mode not in CHOICES:
        abort(404)
    with services.db.read() as session:
        done = background_reports.newest(
            session, account.id, ReportKind.SWITCHOVER, ReportState.DONE
        )
    return account, done if going_live.fresh(done, services.now()) else None
