"""Pretend subscribers: they get mail, some open it, and a few of those replace their card.

Who acts is a matter of why their payment failed and how often they were written to, by the numbers
of the simulator's specification; when, by the click curve of mail. Nothing here knows what the
product decided.
"""

from __future__ import annotations

import heapq
import itertools
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import requests

from sandbox.cardholder import scan
from sandbox.mailbox import Mailbox
from sandbox.sandbox import Sandbox
from sandbox.visitor import Outcome, Visitor

# P(fixes the card) at the first mail, by the true cause of the failure. Judgement, not measurement.
FIXES = {
    "authentication": 0.24,
    "dead_card": 0.20,
    "risk": 0.12,
    "limit": 0.07,
    "insufficient_funds": 0.055,
    "technical": 0.03,
}
EXPIRING = 0.25  # a mail that nothing failed yet
DECAY = 0.72  # with each later mail
WITHOUT_SCRIPTS = 0.3
WITH_AUTHENTICATION = 0.1
IMPATIENT = 0.1  # of visits: the last button is pressed twice
SCANNED = 0.2  # of mailboxes: a filter opens every link before its owner does
CARD_THAT_ASKS = "4000002760003184"  # Stripe's test number that wants authentication every time

CARD_LINK = re.compile(r"https?://\S+/card/[^\s\"<>]+")


@dataclass(frozen=True)
class Letter:
    to: str
    text: str


class Post(Protocol):
    """Where mail arrives: how much has, and what there is after a number."""

    @property
    def received(self) -> int: ...
    def after(self, number: int) -> list[Letter]: ...


class PostOverHttp:
    """The mailbox as its owners see it: through the mailbox site."""

    def __init__(self, mailbox: Mailbox, site_url: str) -> None:
        self._mailbox = mailbox
        self._site_url = site_url
        self._session = requests.Session()

    @property
    def received(self) -> int:
        return self._mailbox.received

    def after(self, number: int) -> list[Letter]:
        return [self._open(n) for n in range(number + 1, self.received + 1)]

    def _open(self, number: int) -> Letter:
        answer = self._session.get(f"{self._site_url}/api/messages/{number}", timeout=30)
        answer.raise_for_status()
        return Letter(answer.json()["to"][0], answer.json()["text"])

    def close(self) -> None:
        self._session.close()


class People:
    """Reads the post and acts later; `act` performs what is due by the sandbox's clock."""

    def __init__(
        self, sandbox: Sandbox, post: Post, stripe_url: str, eagerness: float = 1.0
    ) -> None:
        self.sandbox = sandbox
        self.post = post
        self.stripe_url = stripe_url
        self.eagerness = eagerness
        self.visits: list[Outcome] = []
        self.scanned: list[int] = []  # what scanners were answered
        self._read = 0
        self._mails_to: dict[str, int] = {}
        self._plans: list[tuple[datetime, int, str, int, str]] = []
        self._order = itertools.count()

    def next_at(self) -> datetime | None:
        return self._plans[0][0] if self._plans else None

    def act(self, now: datetime) -> int:
        """Read new mail, and carry out the visits that are due. How many visits."""
        self._read_mail(now)
        done = 0
        while self._plans and self._plans[0][0] <= now:
            _, _, address, nth, link = heapq.heappop(self._plans)
            rng = self.sandbox.state.chance.rng("visit", address, nth)
            asks = rng.random() < WITH_AUTHENTICATION
            number = CARD_THAT_ASKS if asks else self.sandbox.issue_card()
            scripts = asks or rng.random() >= WITHOUT_SCRIPTS
            presses = 2 if rng.random() < IMPATIENT else 1
            visitor = Visitor(self.sandbox, self.stripe_url, number, presses)
            self.visits.append(visitor.visit(link, scripts=scripts))
            done += 1
        return done

    def _read_mail(self, now: datetime) -> None:
        if self._read == self.post.received:
            return
        letters = self.post.after(self._read)
        self._read += len(letters)
        for mail in letters:
            if self.sandbox.state.chance.unit("scanned", mail.to) < SCANNED:
                self.scanned += scan(CARD_LINK.findall(mail.text))
            found = CARD_LINK.search(mail.text)
            if found:
                self._consider(mail.to, found[0], now)

    def _consider(self, address: str, link: str, now: datetime) -> None:
        nth = self._mails_to.get(address, 0)
        self._mails_to[address] = nth + 1
        rng = self.sandbox.state.chance.rng("mail", address, nth)
        chance = FIXES.get(self._cause(address), EXPIRING) * DECAY**nth * self.eagerness
        if rng.random() < chance:
            delay = click_delay(rng.random(), rng.random())
            plan = (now + delay, next(self._order), address, nth, link)
            heapq.heappush(self._plans, plan)

    def _cause(self, address: str) -> str:
        """Why this reader's payment fails; "" where none does."""
        emails = {
            customer["id"]: customer["email"] for customer in self.sandbox.store.all("customer")
        }
        for failed in self.sandbox.books.failed.values():
            if failed.recovered_at is None and emails.get(failed.customer) == address:
                return failed.cause
        return ""


def click_delay(curve: float, spread: float) -> timedelta:
    """74% click on the same day, 92% within a day more, 98% within a week, the rest later."""
    if curve < 0.74:
        return timedelta(hours=0.2 + 8 * spread)
    if curve < 0.92:
        return timedelta(hours=10 + 22 * spread)
    return timedelta(days=1.5 + 8 * spread)
