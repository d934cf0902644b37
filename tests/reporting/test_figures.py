"""The founder's numbers, from rows written by hand: every sum can be checked by eye."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from recover.dunning import Source
from recover.models import Account, LedgerLine, RecoveryCase
from recover.reporting import figures
from recover.reporting.figures import Cohort, SourceSum, Sum

pytestmark = pytest.mark.both_databases  # sums, months and time zones in SQL

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
numbers = count(1)


@pytest.fixture
def book(services, account):
    return Book(services, account)


class Book:
    """Cases and ledger lines, a line of Python each."""

    def __init__(self, services, account):
        self.services, self.account = services, account

    def case(
        self, state, *, reason="", amount=1000, currency="usd", failed=1, ended=None, account=None
    ):
        at = NOW - timedelta(days=failed)
        closed = NOW - timedelta(days=ended) if ended is not None else None
        row = RecoveryCase(
            account_id=(account or self.account).id,
            stripe_invoice_id=f"in_{next(numbers)}",
            currency=currency,
            amount_minor=amount,
            amount_remaining_minor=0 if state == "recovered" else amount,
            state=state,
            close_reason=reason,
            campaign_key="default",
            campaign_version=1,
            failed_at=at,
            opened_at=at,
            closed_at=closed,
        )
        with self.services.db.begin() as session:
            session.add(row)
        return row

    def line(self, case, kind="recovered", *, source="", amount=None, days=1):
        row = LedgerLine(
            account_id=case.account_id,
            case_id=case.id,
            kind=kind,
            reference=f"ref_{next(numbers)}",
            source=source,
            amount_minor=case.amount_minor if amount is None else amount,
            currency=case.currency,
            at=NOW - timedelta(days=days),
        )
        with self.services.db.begin() as session:
            session.add(row)

    def won(self, source="our_retry", *, days=1, **case):
        row = self.case("recovered", ended=days, **case)
        self.line(row, source=source, days=days)
        return row

    def overview(self, since=None, accounts=None):
        with self.services.db.read() as session:
            return figures.overview(session, accounts or [self.account.id], since)


def test_nothing_at_all_is_nothing_at_all(book):
    empty = book.overview()
    assert empty.recovered == empty.given_back == empty.at_risk == empty.lost == empty.sources == ()
    assert empty.cohort == Cohort()
    assert empty.cohort.recovered_share is None


def test_recovered_is_net_of_refunds_and_disputes(book):
    refunded = book.won(amount=2000)
    book.won(amount=3000)
    book.line(refunded, "refunded", amount=-500)
    disputed = book.won(amount=1000)
    book.line(disputed, "disputed", amount=-1000)
    seen = book.overview()
    assert seen.recovered == (Sum("usd", 3, 4500),)
    assert seen.given_back == (Sum("usd", 2, 1500),)


def test_currencies_are_never_added_up_and_the_main_one_comes_first(book):
    book.won(amount=100_000, currency="jpy")
    book.won(amount=500)
    book.won(amount=700)
    assert book.overview().recovered == (Sum("usd", 2, 1200), Sum("jpy", 1, 100_000))


def test_at_risk_is_what_open_cases_still_owe_whenever_they_failed(book):
    book.case("open", amount=900, failed=200)
    book.case("open", amount=100)
    book.won()
    assert book.overview(NOW - timedelta(days=30)).at_risk == (Sum("usd", 2, 1000),)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("exhausted", "window_over"),
        ("closed", "subscription_ended"),
        ("closed", "uncollectible"),
        ("closed", "disputed"),
    ],
)
def test_a_case_is_lost_when_the_money_is(book, state, reason):
    book.case(state, reason=reason, ended=1)
    seen = book.overview()
    assert seen.lost == (Sum("usd", 1, 1000),)
    assert seen.cohort == Cohort(lost=1)


@pytest.mark.parametrize(
    "reason", ["voided", "deleted", "paused", "not_automatic", "nothing_owed", "credited"]
)
def test_a_case_the_company_ended_itself_is_neither_won_nor_lost(book, reason):
    book.case("closed", reason=reason, ended=1)
    seen = book.overview()
    assert seen.lost == ()
    assert seen.cohort == Cohort(set_aside=1)


def test_a_period_counts_money_by_when_it_came_and_losses_by_when_they_were_final(book):
    since = NOW - timedelta(days=30)
    book.won(days=40, failed=50)
    book.won(days=2, failed=50, amount=70)
    book.case("exhausted", reason="window_over", failed=50, ended=31)
    book.case("exhausted", reason="window_over", failed=50, ended=29, amount=80)
    seen = book.overview(since)
    assert seen.recovered == (Sum("usd", 1, 70),)
    assert seen.lost == (Sum("usd", 1, 80),)


def test_the_cohort_counts_each_invoice_by_when_it_first_failed(book):
    since = NOW - timedelta(days=30)
    book.won(failed=31, days=1)
    book.won(failed=29, days=1)
    book.case("open", failed=3)
    book.case("exhausted", reason="window_over", failed=25, ended=4)
    cohort = book.overview(since).cohort
    assert cohort == Cohort(recovered=1, lost=1, unfinished=1)
    assert cohort.failed == 3
    assert cohort.recovered_share == 0.5  # the unfinished one counts neither way


def test_each_source_is_named_and_pays_for_its_own_refunds(book):
    book.won("card_page", amount=1000)
    refunded = book.won("card_page", amount=1000)
    book.won("stripe_retry", amount=400)
    book.line(refunded, "refunded", amount=-300)
    assert book.overview().sources == (
        SourceSum(Source.CARD_PAGE, "usd", 2, 1700),
        SourceSum(Source.STRIPE_RETRY, "usd", 1, 400),
    )


def test_the_sources_add_up_to_what_was_recovered(book):
    for number, source in enumerate(Source):
        case = book.won(source, amount=100 + number, currency=("usd", "eur")[number % 2])
        if number % 3 == 0:
            book.line(case, "refunded", amount=-7)
    seen = book.overview()
    for total in seen.recovered:
        parts = [one for one in seen.sources if one.currency == total.currency]
        assert sum(one.amount_minor for one in parts) == total.amount_minor
        assert sum(one.invoices for one in parts) == total.invoices


def test_an_invoice_paid_in_parts_is_counted_once_and_each_part_for_its_source(book):
    case = book.won("elsewhere", amount=500, days=3)
    book.line(case, source="our_retry", amount=400, days=1)
    seen = book.overview()
    assert seen.recovered == (Sum("usd", 1, 900),)
    assert seen.sources == (
        SourceSum(Source.OUR_RETRY, "usd", 1, 400),
        SourceSum(Source.ELSEWHERE, "usd", 0, 500),
    )
    assert book.overview(NOW - timedelta(days=2)).recovered == (Sum("usd", 1, 400),)


def test_a_line_corrected_to_nothing_is_no_invoice_won_and_nothing_given_back(book):
    case = book.won("card_page", amount=2900)
    book.line(case, "corrected", source="card_page", amount=-2900)
    seen = book.overview()
    assert seen.recovered == (Sum("usd", 0, 0),)
    assert seen.sources == (SourceSum(Source.CARD_PAGE, "usd", 0, 0),)
    assert seen.given_back == ()


def test_a_refund_that_failed_counts_as_nothing_given_back(book):
    case = book.won(amount=1000)
    book.line(case, "refunded", amount=0)
    assert book.overview().given_back == ()


def test_a_refund_whose_case_was_reopened_belongs_to_no_known_source(book):
    case = book.case("open")
    book.line(case, "refunded", amount=-200)
    assert book.overview().sources == (SourceSum(Source.UNKNOWN, "usd", 0, -200),)


def test_other_accounts_rows_are_never_counted(book, services, company):
    with services.db.begin() as session:
        other = Account(
            connection="key",
            mode="observe",
            company_id=company.id,
            stripe_account_id="acct_other",
            livemode=False,
            hook_token="other",
            campaign_version=1,
            connected_at=NOW,
        )
        session.add(other)
    row = book.case("recovered", account=other, ended=1)
    book.line(row, source="our_retry")
    book.case("open", account=other)
    assert book.overview().recovered == book.overview().at_risk == ()
    assert book.overview().cohort.failed == 0
    assert book.overview(accounts=[other.id]).cohort.failed == 2


def test_daily_money_has_no_gaps_and_ends_today(book, services):
    book.won(days=0, amount=100)
    book.won(days=2, amount=50)
    refunded = book.won(days=2, amount=60)
    book.line(refunded, "refunded", amount=-60, days=0)
    book.won(days=5, amount=999)
    book.won(days=1, amount=7, currency="eur")
    with services.db.read() as session:
        days = figures.daily(session, [book.account.id], "usd", now=NOW, days=4)
    assert [amount for _, amount in days] == [0, 110, 0, 40]
    assert [at.date().isoformat() for at, _ in days] == [
        "2027-02-26",
        "2027-02-27",
        "2027-02-28",
        "2027-03-01",
    ]
