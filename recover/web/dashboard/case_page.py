"""One case: what happened to it and why, and what a person can do about it."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from recover.cases import dispute_wording, disputes, lifecycle
from recover.cases.core_values import decline_of
from recover.cases.evidence import fetch_evidence
from recover.compliance import access_log
from recover.dunning import Trigger, classify, plan
from recover.learning import timing_in_force
from recover.messages import suppression
from recover.models import Account, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import Payment
from recover.subscribers import card_page
from recover.web.access_control import actor, current_user
from recover.web.dashboard.case_timeline import case_history
from recover.web.dashboard.planned_steps import PlannedStep, planned_steps
from recover.web.headers import STRIPE_API
from recover.workflow import disputes as watched_disputes
from recover.workflow import sync

NOTHING_HELD = "Nothing disputed held this customer's cases any more."
STRIPE_DASHBOARD = "https://dashboard.stripe.com"


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("case_page", __name__)

    @routes.get("/cases/<int:case_id>")
    def show(case_id: int) -> str:
        account, case = _find(services, case_id)
        preview = _preview(services, account, case) if request.args.get("preview") else None
        access_log.note_view(services, actor(), case)
        with services.db.read() as session:
            history = case_history(session, case)
            stopped = suppression.suppression_of(
                session, account.id, case.stripe_customer_id, case.customer_email
            )
            holds = disputes.holding(session, account.id, case.stripe_customer_id)
        return render_template(
            "dashboard/case.html",
            case=case,
            account=account,
            history=history,
            stopped=stopped,
            why_stopped=suppression.REASONS[stopped.reason] if stopped else "",
            holds=[dispute_wording.sentence(one, account.timezone or "UTC") for one in holds],
            preview=preview,
            timezone=account.timezone or "UTC",
            stripe_url=stripe_url(services, account, case),
        )

    @routes.post("/cases/<int:case_id>/refresh")
    def refresh(case_id: int) -> Response:
        """Bring the case in line with Stripe now, then show what comes next."""
        account, case = _find(services, case_id)
        sync.sync(services, account, case.stripe_invoice_id)
        return redirect(
            url_for("web.case_page.show", case_id=case_id, preview=1, _anchor="next"), 303
        )

    @routes.get("/cases/<int:case_id>/retry")
    def confirm_retry(case_id: int) -> str:
        account, case = _find(services, case_id)
        access_log.note_view(services, actor(), case)
        return render_template("dashboard/case_retry.html", case=case, account=account)

    @routes.post("/cases/<int:case_id>/retry")
    def retry(case_id: int) -> Response:
        account, case = _find(services, case_id)
        reason = f"{current_user().email} asked for a retry now."
        payment = sync.pay_now(
            services, account, case.stripe_invoice_id, Trigger.FOUNDER, reason, actor=actor()
        )
        flash(outcome(payment))
        return redirect(url_for("web.case_page.show", case_id=case_id), 303)

    @routes.post("/cases/<int:case_id>/write-again")
    def write_again(case_id: int) -> Response:
        """Take the customer and their address off the suppression list."""
        account, case = _find(services, case_id)
        lifted = suppression.lift(
            services,
            account.id,
            case.stripe_customer_id,
            case.customer_email,
            actor=actor(),
            by=current_user().email,
        )
        flash("They are written to again." if lifted else "Nothing kept mail from them.")
        with services.db.begin() as session:
            lifecycle.plan_anew(session, account.id, services.now(), case_id=case.id)
        return redirect(url_for("web.case_page.show", case_id=case_id), 303)

    @routes.post("/cases/<int:case_id>/release")
    def release(case_id: int) -> Response:
        """Let a customer's cases go on although they dispute a payment: somebody looked."""
        account, case = _find(services, case_id)
        reason = f"{current_user().email} looked at what is disputed and let the case go on."
        count = watched_disputes.let_go_on(services, account, case, reason, actor=actor())
        flash("Nothing disputed holds this customer's cases now." if count else NOTHING_HELD)
        return redirect(url_for("web.case_page.show", case_id=case_id), 303)

    @routes.post("/cases/<int:case_id>/revoke")
    def revoke(case_id: int) -> Response:
        account, case = _find(services, case_id)
        by = current_user()
        reason = f"{by.email} switched off every card link of this case."
        count = card_page.revoke_all(services, account, case, reason, actor=actor())
        flash(f"{count} card links were switched off." if count else "No card link was open.")
        return redirect(url_for("web.case_page.show", case_id=case_id), 303)

    return routes


def _find(services: Services, case_id: int) -> tuple[Account, RecoveryCase]:
    """The case, if it is of the user's own company; 404 otherwise."""
    query = (
        select(Account, RecoveryCase)
        .join(RecoveryCase, RecoveryCase.account_id == Account.id)
        .where(RecoveryCase.id == case_id, Account.company_id == current_user().company_id)
    )
    with services.db.read() as session:
        found = session.execute(query).one_or_none()
    if found is None:
        abort(404)
    return found[0], found[1]


def _preview(services: Services, account: Account, case: RecoveryCase) -> list[PlannedStep]:
    """What comes next if nothing changes, from fresh evidence."""
    evidence = fetch_evidence(services.stripe(account), case.stripe_invoice_id, services.now())
    with services.db.read() as session:
        known = sync.load_facts(session, account, case, evidence)
        timing = timing_in_force.timing_of(session, account, case.stripe_invoice_id)
    steps = timing_in_force.campaign_of(account, case)
    return planned_steps(plan(known, steps, timing, evidence.at), evidence.at)


def outcome(payment: Payment | None) -> str:
    """The outcome of a retry that a person asked for, in a sentence."""
    if payment is None:
        return (
            "Not charged: the invoice is settled, another payment attempt is under way, this card"
            " must not be charged again, or the account only observes. The timeline says which."
        )
    if payment.status == "declined":
        return f"Declined. {classify(decline_of(payment)).text}"
    return {
        "succeeded": "Paid. The invoice is settled.",
        "requires_action": "The bank asks the cardholder to confirm. Only they can do that.",
        "processing": "Under way. The bank has not answered yet.",
    }[payment.status]


def stripe_url(services: Services, account: Account, case: RecoveryCase) -> str:
    """The invoice in Stripe's own dashboard; "" in a rehearsal, which has none."""
    if services.settings.stripe_api_base != STRIPE_API:
        return ""
    mode = "" if account.livemode else "/test"
    return f"{STRIPE_DASHBOARD}/{account.stripe_account_id}{mode}/invoices/{case.stripe_invoice_id}"
