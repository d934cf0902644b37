"""Do our ledger and the sandbox's own books agree, and was anything done that must not be?"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select

from recover.foundation.database import Database
from recover.models import LedgerKind, LedgerLine, Message, MessageStatus, RecoveryCase
from sandbox.sandbox import Sandbox

AFTERWARDS = ("thank_you", "fresh_link", "card_expiring")  # mails that rightly follow a payment
NOTHING = (0, "")
RULES = ("after_cancel", "hard_code_tries", "over_network_cap", "too_close")


@dataclass(frozen=True)
class Verdict:
    agree: bool
    failed_invoices: int
    recovered_invoices: int
    recovered_minor: dict[str, int]  # by our ledger, less what was given back
    books_minor: dict[str, int]  # the same by the sandbox's books
    by_source: dict[str, int]
    charges: int  # authorisations after the first failure, by anyone
    charges_doubled: int
    messages: int
    messages_doubled: int
    after_payment: int
    rule_violations: int
    differences: list[str]

    @property
    def good(self) -> bool:
        """Both sides agree to the cent, and every count of faults is zero."""
        faults = (
            self.charges_doubled,
            self.messages_doubled,
            self.after_payment,
            self.rule_violations,
        )
        return self.agree and not any(faults)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def judge(sandbox: Sandbox, database: Database, mails: list[Any]) -> Verdict:
    """Compare, invoice by invoice. ``mails`` is what arrived in the mailbox."""
    books, report = sandbox.books, sandbox.report()
    ours = _ledger(database)
    theirs = {
        invoice: (case.recovered_minor - case.given_back_minor, case.currency)
        for invoice, case in books.failed.items()
        if case.recovered_minor
    }
    opened = _cases(database)
    differences = _differences(ours, theirs, opened, set(books.failed))
    faults = report["faults"]
    return Verdict(
        agree=not differences,
        failed_invoices=len(opened),
        recovered_invoices=len(ours),
        recovered_minor=_by_currency(ours.values()),
        books_minor=_by_currency(theirs.values()),
        by_source=_sources(database),
        charges=report["authorisations_after_failure"],
        charges_doubled=faults["charged_twice"],
        messages=len(mails),
        messages_doubled=_doubled(mails),
        after_payment=faults["after_payment"] + _mails_after_payment(sandbox, database),
        rule_violations=sum(faults[rule] for rule in RULES),
        differences=differences[:20],
    )


def _ledger(database: Database) -> dict[str, tuple[int, str]]:
    """The money of each invoice that has any line: what came in, less what went back."""
    net = func.sum(LedgerLine.amount_minor)
    query = (
        select(RecoveryCase.stripe_invoice_id, net, LedgerLine.currency)
        .join(RecoveryCase, RecoveryCase.id == LedgerLine.case_id)
        .group_by(RecoveryCase.stripe_invoice_id, LedgerLine.currency)
    )
    with database.read() as session:
        rows = session.execute(query).all()
    return {invoice: (int(amount), currency) for invoice, amount, currency in rows}


def _cases(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(RecoveryCase.stripe_invoice_id)))


def _sources(database: Database) -> dict[str, int]:
    query = (
        select(LedgerLine.source, func.count(LedgerLine.case_id.distinct()))
        .where(LedgerLine.kind == LedgerKind.RECOVERED)
        .group_by(LedgerLine.source)
    )
    with database.read() as session:
        return dict(session.execute(query).all())


def _differences(
    ours: dict[str, tuple[int, str]],
    theirs: dict[str, tuple[int, str]],
    opened: set[str],
    failed: set[str],
) -> list[str]:
    found = [f"{i}: failed on Stripe, no case here" for i in sorted(failed - opened)]
    found += [f"{i}: a case here, no failed renewal on Stripe" for i in sorted(opened - failed)]
    for invoice in sorted(ours.keys() | theirs.keys()):
        sides = ours.get(invoice, NOTHING), theirs.get(invoice, NOTHING)
        if sides[0] != sides[1] and any(amount for amount, _ in sides):
            found.append(f"{invoice}: ours {ours.get(invoice)}, theirs {theirs.get(invoice)}")
    return found


def _by_currency(amounts: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for minor, currency in amounts:
        total[currency] += minor
    return dict(sorted(total.items()))


def _doubled(mails: list[Any]) -> int:
    """Mails that reached a reader twice: by their id, or by the same words on the same day."""
    by_id = Counter(mail.message_id for mail in mails)
    by_words = Counter(
        (mail.to, mail.subject, _plain(mail.text), mail.received_at.date()) for mail in mails
    )
    return max(sum(n - 1 for n in by_id.values()), sum(n - 1 for n in by_words.values()))


def _plain(text: str) -> str:
    return " ".join(word for word in text.split() if "://" not in word)


def _mails_after_payment(sandbox: Sandbox, database: Database) -> int:
    """Reminders that left although nothing was owed by then, by the sandbox's books."""
    query = (
        select(RecoveryCase.stripe_invoice_id, Message.sent_at)
        .join(RecoveryCase, RecoveryCase.id == Message.case_id)
        .where(Message.status == MessageStatus.SENT, Message.template.not_in(AFTERWARDS))
    )
    with database.read() as session:
        sent = session.execute(query).all()
    failed = sandbox.books.failed
    return sum(
        1
        for invoice, at in sent
        if invoice in failed
        and (paid_at := failed[invoice].settled_at) is not None
        and at is not None
        and at > paid_at
    )
