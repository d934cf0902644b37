"""What must always hold, whoever does what: eight rules over the walker's books.

`after_act` judges what is new since the last look; `at_the_end` what must be so once the world has
come to rest. Nothing here imports the product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from walker_books import Bill, Deed, Violation, WalkBooks, machine_tries, minor
from walker_words import broken_promises, said_in_mails, said_on_pages, unwelcome_mails

from sandbox.books import Try

AGREED = "agreed"  # no charge that nobody agreed to, or that was shown otherwise
ONE_ACT = "one act"  # at most one authorisation for one human act
BOUNDED = "bounded"  # requests about one invoice, a day
LEDGER = "ledger"  # money that came in, less what went back
NEXT_STEP = "next step"  # every open case has one, or a person was told why not
APART = "apart"  # one broken object never stops another's
DAY = timedelta(days=1)
PAYS_A_DAY, REQUESTS_A_DAY = 12, 200  # of one invoice: hours of outages and five people included
LATE = timedelta(minutes=15)  # a lease that somebody died with is over by then
LONGEST = timedelta(days=40)  # no campaign is
STILL_WRITTEN_TO = timedelta(days=12)
SAME_FAULT = 5  # a job that dies so often of one case repeats it for ever
WITHIN_SECONDS = timedelta(hours=1)
FORBID = ("lost_card", "stolen_card", "pickup_card", "revocation_of_authorization")
WISH_TO_LEAVE = ("revocation_of_authorization", "stop_payment_order")
NEVER = ("charged_twice", "after_payment", "after_cancel", "hard_code_tries", "over_network_cap")


class Judge:
    """Remembers up to where it has looked."""

    def __init__(self, books: WalkBooks) -> None:
        self.books = books
        self._tries = self._mails = self._pages = 0
        self._faults: dict[str, int] = {}

    def after_act(self) -> list[Violation]:
        books = self.books
        found = [
            *_unagreed(books, self._tries),
            *_buttons_and_scanners(books),
            *_many_for_one_act(books),
            *self._network_faults(),
            *_unbounded(books),
            *_more_than_came_in(books),
            *said_in_mails(books, self._mails),
            *unwelcome_mails(books, self._mails),
            *said_on_pages(books, books.read[self._pages :]),
            *_without_next_step(books),
            *_died(books),
        ]
        self._tries, self._pages = len(books.tries), len(books.read)
        self._mails = books.mailbox.received
        return found

    def at_the_end(self) -> list[Violation]:
        return [
            *self.after_act(),
            *_ledger_differs(self.books),
            *_left_alone(self.books),
            *broken_promises(self.books),
        ]

    def _network_faults(self) -> Iterator[Violation]:
        faults = self.books.sandbox.books.faults()
        for name in NEVER:
            if faults[name] > self._faults.get(name, 0):
                yield Violation(AGREED, f"{name}: {faults[name]}")
        self._faults = faults


def _unagreed(books: WalkBooks, since: int) -> Iterator[Violation]:
    bills, observing = books.bills(), dict(books.observing)
    for index, one in machine_tries(books.tries):
        if index < since or one.invoice not in bills:
            continue
        deed = next((deed for deed in books.deeds if deed.covers(index)), None)
        bill = bills[one.invoice]
        if deed and deed.kind == "page":
            yield from _against_the_page(deed, one.invoice, one.amount_minor, one.charge)
        elif deed is None:
            if _observes(observing, index):
                yield Violation(AGREED, f"{bill.number} was charged while the account observes")
            if bill.disputed or bill.paused or not bill.automatic:
                why = "disputed" if bill.disputed else "taken out of collection"
                yield Violation(AGREED, f"{bill.number} was charged while {why}")
            if one.fingerprint != books.card_of(one.invoice):
                yield Violation(AGREED, f"{bill.number} was charged on a card of other invoices")
            if _barred(books.tries[:index], one.fingerprint):
                yield Violation(AGREED, f"{bill.number} was charged on a card that was barred")
            yield from _not_wanted(books, one.invoice, one.fingerprint, one.at)


def _barred(before: list[Try], fingerprint: str) -> bool:
    """The card's last answer, whichever invoice it was about, forbade any more."""
    answers = [one for one in before if one.fingerprint == fingerprint]
    return bool(answers) and answers[-1].decline_code in FORBID


def _observes(marks: dict[int, bool], index: int) -> bool:
    earlier = [at for at in marks if at <= index]
    return marks[max(earlier)] if earlier else False


def _against_the_page(deed: Deed, invoice: str, amount: int, charge: str) -> Iterator[Violation]:
    if invoice not in deed.agreed:
        yield Violation(AGREED, f"{invoice} was not ticked, and charged all the same ({charge})")
    elif amount > deed.shown.get(invoice, 0):
        yield Violation(AGREED, f"{invoice}: {deed.shown.get(invoice)} shown, {amount} charged")


def _not_wanted(
    books: WalkBooks, invoice: str, fingerprint: str, at: datetime
) -> Iterator[Violation]:
    """Charged by a machine, although its owner had left it out, or on a card they gave for others.

    What failed after the page was shown may be retried like any other, but not as if agreed to.
    """
    answers = [deed for deed in books.deeds if deed.kind == "page" and deed.saved]
    about_it = [deed for deed in answers if invoice in deed.shown]
    if about_it and invoice not in about_it[-1].agreed:
        yield Violation(AGREED, f"{invoice} had been left unticked, and was charged later")
    failed = books.sandbox.books.failed[invoice]
    for deed in answers:
        unseen = deed.customer == failed.customer and invoice not in deed.shown
        in_a_hurry = failed.failed_at <= deed.at and deed.at <= at < deed.at + WITHIN_SECONDS
        if unseen and in_a_hurry and deed.fingerprint == fingerprint:
            yield Violation(AGREED, f"{invoice} was not on the page, and charged on the new card")


def _buttons_and_scanners(books: WalkBooks) -> Iterator[Violation]:
    for deed in books.deeds:
        total = sum(deed.shown.get(invoice, 0) for invoice in deed.agreed)
        if deed.label and minor(deed.label) != total:
            yield Violation(AGREED, f'the button says "{deed.label}", {total} is ticked')
    if books.scanners_did:
        yield Violation(AGREED, f"a scanner's look asked Stripe for {books.scanners_did}")


def _many_for_one_act(books: WalkBooks) -> Iterator[Violation]:
    for deed in books.deeds:
        made = Counter(one.invoice for n, one in machine_tries(books.tries) if deed.covers(n))
        for invoice, count in made.items():
            if count > 1:
                yield Violation(ONE_ACT, f"{invoice}: {count} authorisations for one {deed.kind}")


def _unbounded(books: WalkBooks) -> Iterator[Violation]:
    mine = [one for one in books.turnstile.asked if one.by_product]
    for invoice in books.sandbox.books.failed:
        times = [one.at for one in mine if f"/{invoice}" in one.path]
        pays = [one.at for one in mine if one.path.endswith(f"{invoice}/pay")]
        for name, asked, limit in (
            ("pay", pays, PAYS_A_DAY),
            ("request", times, REQUESTS_A_DAY),
        ):
            if (most := _most_in_a_day(asked)) > limit:
                yield Violation(BOUNDED, f"{invoice}: {most} times {name} in a day")


def _most_in_a_day(times: list[datetime]) -> int:
    first = most = 0
    for last, at in enumerate(times):
        while at - times[first] >= DAY:
            first += 1
        most = max(most, last - first + 1)
    return most


def _more_than_came_in(books: WalkBooks) -> Iterator[Violation]:
    for invoice, total in books.ledger().items():
        if invoice in books.sandbox.books.failed and total > books.came_in(invoice):
            came = books.came_in(invoice)
            yield Violation(LEDGER, f"{invoice}: {total} booked, {came} ever came in")


def _ledger_differs(books: WalkBooks) -> Iterator[Violation]:
    for invoice, total in books.ledger().items():
        right = books.came_in(invoice) - books.went_back(invoice)
        if total != right:
            yield Violation(LEDGER, f"{invoice}: {total} booked, {right} is left of what came in")


def _without_next_step(books: WalkBooks) -> Iterator[Violation]:
    for invoice, at, failed_at in books.rows(
        "SELECT stripe_invoice_id, next_step_at, failed_at FROM cases WHERE state = 'open'"
    ):
        due = as_moment(at)
        if due is None or due < books.now - LATE:
            yield Violation(NEXT_STEP, f"{invoice} is open and waits for nothing ({due})")
        elif books.now - (as_moment(failed_at) or books.now) > LONGEST:
            yield Violation(NEXT_STEP, f"{invoice} is open for ever")


def as_moment(value: object) -> datetime | None:
    """A time as either database answers it: PostgreSQL as one, SQLite as text without a zone."""
    if value is None or (isinstance(value, datetime) and value.tzinfo):
        return value if isinstance(value, datetime) else None
    return datetime.fromisoformat(f"{value}+00:00")


def _died(books: WalkBooks) -> Iterator[Violation]:
    for job, count in Counter(job for job, _ in books.died).items():
        told = next(what for name, what in books.died if name == job)
        if not job.startswith("run_step"):
            yield Violation(APART, f"{job} died of {told}")
        elif count >= SAME_FAULT:
            yield Violation(NEXT_STEP, f"{job} died {count} times of {told}")


def _left_alone(books: WalkBooks) -> Iterator[Violation]:
    """Failed renewals that nobody looks after, and events that nobody hears of."""
    known = dict(map(tuple, books.rows("SELECT stripe_invoice_id, state FROM cases")))
    told = any(books.founder in mail.to for mail in books.mailbox.messages())
    for bill in books.bills().values():
        healthy = bill.collectable and bill.customer not in books.broken
        if healthy and bill.id not in known:
            rule = APART if books.broken else NEXT_STEP
            yield Violation(rule, f"{bill.number} failed, and nobody looks after it")
        elif bill.collectable and bill.id not in known and not told:
            yield Violation(NEXT_STEP, f"{bill.number} has no case, and nobody was told")
        elif bill.collectable and not bill.disputed and known.get(bill.id) == "closed":
            yield Violation(NEXT_STEP, f"{bill.number} is collected, and its case was given up")
        elif bill.collectable and _never_heard(books, bill):
            yield Violation(NEXT_STEP, f"{bill.email} is the right address, and got no mail")
    parked = books.rows("SELECT type, error FROM stripe_events WHERE status = 'parked'")
    if parked and not told:
        yield Violation(NEXT_STEP, f"events are parked, and nobody was told: {parked[0]}")


def _never_heard(books: WalkBooks, bill: Bill) -> bool:
    """Their address was put right in time for a mail, and none came there."""
    since = books.corrected.get(bill.email)
    failed_at = books.sandbox.books.failed[bill.id].failed_at
    in_time = since is not None and since < failed_at + STILL_WRITTEN_TO
    said = [one.decline_code for one in books.tries if one.invoice == bill.id]
    leaves = bill.leaving or any(code in WISH_TO_LEAVE for code in said)
    quiet = (
        leaves or bill.email in books.stopped or any(observed for _, observed in books.observing)
    )
    written_to = any(bill.email in mail.to for mail in books.mailbox.messages())
    return in_time and not quiet and not written_to


RULES = (AGREED, ONE_ACT, BOUNDED, LEDGER, "truthful", "welcome", NEXT_STEP, APART)
