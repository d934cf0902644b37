"""`recover ledger check`: lines that an older version booked wrongly are found and corrected."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, select, update

from recover.entrypoints.cli import ledger as command
from recover.models import LedgerLine, RecoveryCase
from recover.reporting import figures

AGREES = "Fernhill Software: cases compared with Stripe: 1. The ledger agrees.\n"
pytestmark = pytest.mark.both_databases  # corrections are lines, and sums over them


@pytest.fixture
def run(journey, monkeypatch):
    monkeypatch.setattr(command, "opened", lambda: nullcontext(journey.services))

    def run(*options):
        answer = CliRunner().invoke(command.group, ["check", *options])
        assert answer.exception is None or isinstance(answer.exception, SystemExit)
        return answer.exit_code, answer.stdout

    return run


def as_older_versions_did(journey, invoice, amount, source="our_retry"):
    """One line of what was owed, and the case recovered."""
    with journey.services.db.begin() as session:
        case = session.scalar(select(RecoveryCase).where(RecoveryCase.stripe_invoice_id == invoice))
        session.execute(delete(LedgerLine).where(LedgerLine.case_id == case.id))
        session.execute(update(RecoveryCase).values(state="recovered", close_reason=""))
        session.add(
            LedgerLine(
                account_id=case.account_id,
                case_id=case.id,
                kind="recovered",
                reference=invoice,
                source=source,
                reason="Paid.",
                amount_minor=amount,
                currency="usd",
                at=journey.now,
            )
        )


def credited(journey, amount, *answers):
    invoice = journey.fail("insufficient_funds", *answers)
    journey.run(hours=1)
    data = {"invoice": invoice, "amount": str(amount), "email_type": "none"}
    journey.api("POST", "/v1/credit_notes", **data)
    journey.run(days=4)
    return invoice


def overview(journey):
    with journey.services.db.read() as session:
        return figures.overview(session, [journey.account_id], None)


def test_a_ledger_that_agrees_is_told_so(journey, run):
    journey.fail("insufficient_funds", "approve")
    journey.run(days=4)
    assert run() == (0, AGREES)


def test_a_forgiven_invoice_that_was_booked_is_corrected_and_its_case_closed(journey, run):
    invoice = credited(journey, 2900)
    as_older_versions_did(journey, invoice, 2900)
    code, text = run()
    assert code == 1
    assert f"{invoice}: $29.00 was booked as won back; $0.00 came in" in text
    assert "$29.00 was forgiven by credit notes." in text
    assert journey.won == [("our_retry", 2900, "usd")]  # looking changes nothing

    assert run("--fix")[0] == 0
    assert journey.won == [("our_retry", 2900, "usd"), ("our_retry", -2900, "usd")]
    assert (journey.case(invoice).state, journey.case(invoice).close_reason) == (
        "closed",
        "credited",
    )
    assert "corrected" in journey.verbs(invoice)
    assert [(one.invoices, one.amount_minor) for one in overview(journey).recovered] == [(0, 0)]
    assert run("--fix") == (0, AGREES)
    assert len(journey.ledger) == 2


def test_of_an_invoice_forgiven_in_part_the_part_is_taken_off(journey, run):
    invoice = credited(journey, 900, "approve")
    as_older_versions_did(journey, invoice, 2900)
    assert run("--fix")[0] == 0

    assert sum(line.amount_minor for line in journey.ledger) == 2000
    assert [line.kind for line in journey.ledger] == ["recovered", "corrected"]
    [won] = overview(journey).sources
    assert (won.source, won.invoices, won.amount_minor) == ("our_retry", 1, 2000)
    assert run()[0] == 0


def test_a_refund_that_was_never_booked_is(journey, run):
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(days=3)
    journey.sandbox.webhooks.lose = 1.0
    charge = journey.attempts(invoice)[-1].stripe_charge_id
    journey.api("POST", "/v1/refunds", charge=charge, amount="1000")
    code, text = run()
    assert (code, "$10.00 was refunded; $0.00 was booked" in text) == (1, True)
    assert run("--fix")[0] == 0

    assert journey.won == [("our_retry", 2900, "usd"), ("refunded", -1000, "usd")]
    assert run()[0] == 0


def test_a_reconciliation_closes_what_an_older_version_called_recovered(journey):
    invoice = credited(journey, 2900)
    as_older_versions_did(journey, invoice, 2900)
    journey.reconcile()

    assert sum(line.amount_minor for line in journey.ledger) == 0
    assert journey.case(invoice).close_reason == "credited"
