"""What anybody may do in a walk. An act that is not possible at the moment does nothing.

An act is a line of plain words, such as ``replace 0 good``; a walk is a text of such lines. So a
walk that found something is kept by copying it. `ACTS` says which words each act takes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import requests
from walker_books import Deed, row_of
from walker_stage import WalkJourney

from sandbox.cardholder import Tab
from sandbox.state import Obj

WHO, SUB, NTH = ("0", "1", "2"), ("0", "1"), ("1", "2", "3", "4", "6", "8", "11")
CARDS = ("good", "declines", "asks", "refused")
NUMBERS = {
    "declines": "4000000000000341",
    "asks": "4000002760003184",
    "refused": "4000000000000002",
}
CODES = (
    "insufficient_funds",
    "generic_decline",
    "expired_card",
    "lost_card",
    "authentication_required",
    "processing_error",
    "highest_risk_level",
    "revocation_of_authorization",
)
AGAIN = ("0", "1", "3", "8")  # further declines before the card works again
MODES = ("recover", "stripe", "observe")
PAUSES = ("pause_requested", "first_payment_failure", "final_payment_failure")
TROUBLE = ("rate_limit_next", "outage", "lock_next", "drop_response_after_execution")
PEOPLE = (
    ("Ada Example", "ada@example.test", (2900, 5000)),
    ("Bo Example", "bo@example.test", (1900,)),
    ("Bo Example Ltd", "bo@example.test", (9900,)),  # the same reader, a second customer
)
LATE = timedelta(hours=7)
ACTS: dict[str, tuple[tuple[str, ...], ...]] = {}


def act(*words: tuple[str, ...]) -> Callable:
    def enter(function: Callable) -> Callable:
        ACTS[function.__name__] = words
        return function

    return enter


# What somebody must have for an act to mean something, so that few acts come to nothing.
MEANT_FOR = {
    **dict.fromkeys(("opens", "replaces", "replaces_without_script"), "link"),
    **dict.fromkeys(
        ("unticks", "enters", "presses", "presses_in_the_older_tab", "presses_twice_at_once"), "tab"
    ),
    **dict.fromkeys(
        ("refused", "stops_advancing", "invoice_gets_a_card", "is_paused", "gives_up"), "bill"
    ),
    **dict.fromkeys(("pays_on_stripes_page", "paid_elsewhere", "retries_now"), "bill"),
    **dict.fromkeys(("retries_now_twice", "retries_now_twice_at_once"), "bill"),
}


class Acting:
    """Who takes part, and how a line of plain words becomes an act."""

    def __init__(self, journey: WalkJourney) -> None:
        self.journey, self.sandbox = journey, journey.sandbox
        self.books, self.turnstile = journey.books_of_walk, journey.turnstile
        self.tabs: dict[str, list[tuple[Tab, str]]] = {who: [] for who in WHO}
        self.deeds: dict[str, Deed] = {}  # by setup intent
        self.scanned, self.late = 0, False
        self.customers: list[Obj] = []
        self.subs: list[list[Obj]] = []
        for name, email, amounts in PEOPLE:
            customer = self.sandbox.add_customer(email=email, name=name, timezone="UTC")
            self.customers.append(customer)
            self.subs.append([self.sandbox.add_subscription(customer, a) for a in amounts])
        self.ids = [customer["id"] for customer in self.customers]

    def do(self, line: str) -> None:
        name, *words = line.split()
        if name in MEANT_FOR:
            words[0] = self._somebody(words[0], MEANT_FOR[name])
        with contextlib.suppress(requests.ConnectionError):  # a page that never came
            getattr(self, name)(*words)
        if self.late:
            self.sandbox.webhooks.put_off(LATE)
        self.journey.settle()

    def _somebody(self, who: str, has: str) -> str:
        """They, or the next person to whom the act can mean something; they, if there is nobody."""
        others = [str((int(who) + step) % len(WHO)) for step in range(len(WHO))]
        wanted = {
            "link": lambda one: self._link(one)[0],
            "bill": self._invoice,
            "tab": self.tabs.get,
        }[has]
        return next((one for one in others if wanted(one)), who)

    # -- who and what ---------------------------------------------------------------------------

    def _sub(self, who: str, nth: str = "0") -> Obj:
        mine = self.subs[int(who)]
        return mine[int(nth) % len(mine)]

    def _alive(self, who: str, nth: str = "0") -> bool:
        return self._sub(who, nth)["status"] != "canceled"

    def _invoice(self, who: str) -> Obj | None:
        """The newest renewal of theirs that failed and is open."""
        failed = [one.invoice for one in self.sandbox.books.failed.values()]
        held = [self.sandbox.store.get(name) for name in failed]
        mine = [one for one in held if one["customer"] == self.ids[int(who)]]
        return next((one for one in reversed(mine) if one["status"] == "open"), None)

    def _link(self, who: str) -> tuple[str, str]:
        """(the newest link to the card page in their mail, its invoice's number)."""
        bills = {bill.number: bill for bill in self.books.bills().values()}
        for mail in reversed(self.journey.mails):
            number = row_of(mail, "Invoice")
            links = [link for link in mail.links if "/card/" in link]
            if links and number in bills and bills[number].customer == self.ids[int(who)]:
                return links[0], number
        return "", ""

    @contextmanager
    def _pressing(self, deed: Deed) -> Iterator[None]:
        start = len(self.books.tries)
        try:
            yield
        finally:
            deed.presses.append((start, len(self.books.tries)))
