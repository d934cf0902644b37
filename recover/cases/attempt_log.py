"""The timeline entry of a settled payment attempt. Whoever learns the outcome first writes it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recover.cases.core_values import past_attempt
from recover.cases.timeline import note
from recover.compliance.audit_log import STRIPE
from recover.dunning import Outcome, rule_of
from recover.models import Attempt, RecoveryCase

SETTLE, SEEN, ABANDON = "settle", "seen", "abandon"
OUTCOME_TEXTS = {
    Outcome.SUCCEEDED: "The bank agreed: paid.",
    Outcome.REQUIRES_ACTION: "The bank asks the cardholder to confirm.",
    Outcome.ABANDONED: "Not made: there was nothing to charge any more.",
    Outcome.REFUSED: "Stripe refused the payment without asking the bank.",
}


def note_outcome(
    session: Session, case: RecoveryCase, row: Attempt, before: str, at: datetime
) -> None:
    """Write the entry of an attempt whose outcome was ``before``; none where it has not changed.

    ``before`` is "" for an attempt by Stripe or by the customer that is seen for the first time.
    """
    if row.outcome in (before, Outcome.PENDING):
        return
    verb = ABANDON if row.outcome == Outcome.ABANDONED else SETTLE if before else SEEN
    prefix = "" if before else f"{row.reason} "
    note(session, case, verb, prefix + outcome_text(row), at, actor=STRIPE)


def outcome_text(row: Attempt) -> str:
    """Stripe's answer as a sentence, with the decline or error code where there is one."""
    outcome = Outcome(row.outcome)
    if outcome == Outcome.REFUSED and row.error_code:
        return f"{OUTCOME_TEXTS[outcome].removesuffix('.')} ({row.error_code})."
    if outcome != Outcome.FAILED:
        return OUTCOME_TEXTS[outcome]
    code = row.decline_code or row.error_code
    code_text = f" ({code})" if code else ""
    return f"Declined{code_text}: {rule_of(past_attempt(row)).text}"
