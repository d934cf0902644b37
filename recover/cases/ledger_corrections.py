"""Lines of the ledger that are wrong, and the lines that correct them.

Older versions booked what was owed when the case opened, also where a part was forgiven, or all of
it. A wrong line is never changed: another one beside it says what was wrong, and by how much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.cases import ledger
from recover.cases.core_facts import attempts_of
from recover.cases.evidence import Evidence
from recover.cases.timeline import note
from recover.dunning import Outcome, Source
from recover.foundation.money import format_money
from recover.models import LedgerKind, LedgerLine, RecoveryCase
from recover.stripe_api.objects import Charge


@dataclass(frozen=True, slots=True)
class Fault:
    """What the ledger says of one source, what truly came in, and both in a sentence."""

    source: str
    booked_minor: int
    came_minor: int
    words: str


def faults(session: Session, case: RecoveryCase, evidence: Evidence) -> list[Fault]:
    """Where the ledger differs from the payments that Stripe shows; none where it agrees.

    An invoice that is gone from Stripe shows nothing, and is not judged. Sources are compared where
    more than one payment may have been meant; a source alone is never doubted, since the rows that
    it was told from may be gone by now.
    """
    if evidence.invoice is None:
        return []
    lines = ledger.won_lines(session, case, ledger.WON)
    entries = ledger.entries_of(session, case, evidence)
    booked = Counter({line.source: 0 for line in lines})
    came: Counter[str] = Counter()
    for line in lines:
        booked[line.source] += line.amount_minor
    for entry in entries:
        came[entry.credit.source] += entry.receipt.amount_minor
    if not _ambiguous(session, case, entries):
        booked, came = _as_one(booked, came)
    return [
        Fault(source, booked[source], came[source], _words(case, evidence, booked, came, source))
        for source in sorted(booked.keys() | came.keys())
        if booked[source] != came[source]
    ]


def correct(session: Session, case: RecoveryCase, evidence: Evidence, *, actor: str) -> list[Fault]:
    """Add the lines that make the ledger agree with Stripe, each noted in the audit log."""
    found = faults(session, case, evidence)
    number = len(ledger.won_lines(session, case, [LedgerKind.CORRECTED]))
    for nth, fault in enumerate(found, start=number + 1):
        session.add(
            LedgerLine(
                account_id=case.account_id,
                case_id=case.id,
                kind=LedgerKind.CORRECTED,
                reference=f"{case.stripe_invoice_id}:{nth}",
                source=fault.source,
                reason=fault.words,
                amount_minor=fault.came_minor - fault.booked_minor,
                currency=case.currency,
                at=evidence.at,
            )
        )
        note(session, case, "corrected", fault.words, evidence.at, actor=actor)
    session.flush()
    return found


def refund_fault(session: Session, case: RecoveryCase, charge: Charge) -> str:
    """Where the ledger says another sum was refunded than Stripe does, in words; "" if not."""
    owner, won = ledger.won_by(session, case.account_id, charge)
    if owner is None:
        return ""
    booked = session.scalar(
        select(LedgerLine.amount_minor).where(
            LedgerLine.account_id == case.account_id,
            LedgerLine.case_id == case.id,
            LedgerLine.kind == LedgerKind.REFUNDED,
            LedgerLine.reference == charge.id,
        )
    )
    booked, refunded = -(booked or 0), min(charge.amount_refunded_minor, won)
    if booked == refunded:
        return ""
    return f"{_money(case, refunded)} was refunded; {_money(case, booked)} was booked as refunded."


def _ambiguous(session: Session, case: RecoveryCase, entries: Sequence[ledger.Entry]) -> bool:
    """Whether more than one payment, or more than one successful attempt, is known."""
    won = sum(row.outcome == Outcome.SUCCEEDED for row in attempts_of(session, case))
    return len(entries) > 1 or won > 1


def _as_one(booked: Counter[str], came: Counter[str]) -> tuple[Counter[str], Counter[str]]:
    """Both sums under one source: the one that was booked, else the one that is known now."""
    source = next((name for name in (*booked, *came) if name), Source.UNKNOWN)
    return Counter({source: booked.total()}), Counter({source: came.total()})


def _words(
    case: RecoveryCase,
    evidence: Evidence,
    booked: Counter[str],
    came: Counter[str],
    source: str,
) -> str:
    if booked.total() == came.total():
        amounts = (_money(case, booked[source]), _money(case, came[source]))
        return f'"{source}" was booked with {amounts[0]}; {amounts[1]} came in that way.'
    text = f"{_money(case, booked.total())} was booked as won back; "
    text += f"{_money(case, came.total())} came in since the renewal failed."
    forgiven = evidence.invoice.credited_minor if evidence.invoice else 0
    return f"{text} {_money(case, forgiven)} was forgiven by credit notes." if forgiven else text


def _money(case: RecoveryCase, amount_minor: int) -> str:
    return format_money(amount_minor, case.currency)
