"""Forty cases of the last weeks, and the whole story of the newest six."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from page_town import LONG, SAID, Town

from recover.compliance import audit_log
from recover.models import (
    Attempt,
    Ending,
    LedgerLine,
    Message,
    RecoveryCase,
    Suppression,
)

CUSTOMERS = (
    ("Grace Hopper", "grace@navy.test", "Pro", "usd", 2900),
    (LONG, "rechnungen.buchhaltung@donaudampfschifffahrt.test", "Team", "eur", 129_900),
    ("", "only.an.address@subscriber.test", "Team", "usd", 9900),
    ("", "", "", "jpy", 298_000),
    ("株式会社 山田商店", "keiri@yamada.test", "チーム", "jpy", 1_250_000),
    ("O'Brien & Søn <Ltd>", "kate@obrien.test", "Pro, billed yearly with support", "gbp", 49_900),
    ("Zoë", "zoe@subscriber.test", "Pro", "usd", 1_299_999_900),
)
FATES = (
    ("open", "", "insufficient_funds"),
    ("recovered", "", "expired_card"),
    ("exhausted", "window_over", "do_not_honor"),
    ("closed", "voided", "lost_card"),
    ("open", "", "authentication_required"),
    ("closed", "subscription_ended", "generic_decline"),
)
DOUBT = 'The decline code "brand_new_code" is not known here: treated with care.'


def cases(town: Town, account: Any) -> None:
    made = [_case(town, account, number) for number in range(40)]
    town.add(*made)
    for number, case in enumerate(made[:6]):
        _story(town, case, number)
        town.rows[f"case {case.state} {number}"] = case
    town.change(made[4], warnings=[DOUBT], stripe_next_attempt_at=town.now + timedelta(days=2))
    town.change(made[3], erased_at=town.ago(hours=1), customer_name="", customer_email="")
    town.add(
        Suppression(
            account_id=account.id,
            stripe_customer_id=made[4].stripe_customer_id,
            reason="asked",
            created_at=town.ago(days=2),
        )
    )
    town.add(
        Ending(
            account_id=account.id,
            case_id=made[2].id,
            action="cancel",
            status="refused",
            error="No such subscription.",
            due_at=town.now,
            created_at=town.ago(days=1),
        )
    )


def _case(town: Town, account: Any, number: int) -> RecoveryCase:
    name, email, product, currency, amount = CUSTOMERS[number % len(CUSTOMERS)]
    state, why, code = FATES[number % len(FATES)]
    failed_at = town.ago(hours=7 + 16 * number)
    reason = "The card has too little on it; payday is close where the subscriber lives."
    waits = {"next_step_at": town.now + timedelta(hours=20), "next_step_reason": reason}
    return RecoveryCase(
        account_id=account.id,
        stripe_invoice_id=f"in_1QxYzAcme{number:04}",
        currency=currency,
        stripe_customer_id=f"cus_Acme{number:04}",
        stripe_subscription_id=f"sub_Acme{number:04}",
        customer_name=name,
        customer_email=email,
        product=product,
        amount_minor=amount,
        invoice_number=f"A1B2C3D4-{number:04}" if number % 3 else "",
        state=state,
        close_reason=why,
        amount_remaining_minor=amount if state != "recovered" else 0,
        decline_code=code,
        card_brand="visa",
        card_last4="4242",
        campaign_key="default",
        campaign_version=1,
        failed_at=failed_at,
        opened_at=failed_at,
        locale="en",
        timezone="Europe/Berlin",
        closed_at=None if state == "open" else failed_at + timedelta(hours=5),
        **(waits if state == "open" else {}),
    )


def _story(town: Town, case: RecoveryCase, number: int) -> None:
    about = {"account_id": case.account_id, "case_id": case.id}
    card = {"card_brand": "visa", "card_last4": "4242", "card_type": "card", "card_exp_year": 2030}
    won = case.state == "recovered"
    money = {"amount_minor": case.amount_minor, "currency": case.currency}
    said = SAID | {"chance": 0.31, "propensity": 0.04}
    town.add(
        Attempt(
            trigger="stripe",
            outcome="failed",
            decline_code=case.decline_code,
            network_decline_code="51",
            attempted_at=case.failed_at,
            **about,
            **money,
            **card,
        ),
        Attempt(
            trigger="schedule",
            outcome="succeeded" if won else "failed",
            proposal=said,
            decline_code="" if won else "do_not_honor",
            attempted_at=town.ago(hours=2),
            **about,
            **money,
            **card,
        ),
        Attempt(
            trigger="subscriber",
            outcome="requires_action",
            attempted_at=town.ago(hours=1),
            **about,
            **money,
            **card,
        ),
    )
    mail = {"stripe_customer_id": case.stripe_customer_id, "to_email": case.customer_email}
    for nth, (status, template) in enumerate(
        {
            "sent": "payment_failed",
            "refused": "authentication_needed",
            "uncertain": "last_notice",
            "skipped": "thank_you",
        }.items()
    ):
        town.add(
            Message(
                dedup_key=f"{case.id}-{nth}",
                template=template,
                step="one",
                status=status,
                subject="Your payment to Acme Software did not go through" if nth else "",
                error="550 User unknown" if status == "refused" else "",
                details={},
                due_at=town.now,
                created_at=town.ago(hours=6 - nth),
                **about,
                **mail,
            )
        )
    lines = {
        "open": "The renewal failed at Stripe: insufficient funds.",
        "plan": "The next try is on Friday morning, when most cards of this bank are paid into.",
        "message": "The payment failed and the subscriber can mend it.",
        "view": "Looked at.",
        "recover" if won else "attempt": "The card was charged on schedule.",
    }
    whose = about | {"customer_id": case.stripe_customer_id, "actor": audit_log.RECOVER}
    with town.services.db.begin() as session:
        for verb, reason in lines.items():
            audit_log.note_customer(session, verb, reason, town.ago(hours=3), **whose)
    if won:
        line = {"kind": "recovered", "source": "our_retry", "reference": "ch_1"}
        back = {"kind": "refunded", "reference": "re_1", "source": "our_retry"}
        town.add(
            LedgerLine(
                reason="Recover's own retry paid it.",
                at=town.ago(hours=2),
                **about,
                **money,
                **line,
            ),
            LedgerLine(
                reason="Half was refunded.",
                at=town.ago(hours=1),
                amount_minor=-case.amount_minor // 2,
                currency=case.currency,
                **about,
                **back,
            ),
        )
