"""The walker's stage: a journey whose workers may die, whose chores run, and whom books watch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

import requests
from journey import MAX_ROUNDS, Journey
from journey_stage import set_up
from walker_books import WalkBooks

from recover.entrypoints import jobs
from recover.messages.subscriber import delivery
from recover.models import Company
from recover.people import users
from recover.stripe_api import sdk
from recover.workflow import steps
from sandbox.faults import Faults
from sandbox.stage import FOUNDER, founders_link
from sandbox.turnstile import Turnstile
from sandbox.visitor import forms_of

CHORES_EVERY = timedelta(days=2)
LOG_IN_AGAIN = timedelta(days=10)


class Died(BaseException):
    """A worker's process is gone. No handler of the product's sees it, as none would see that."""


class Deaths:
    """Kills the worker (this thread) at its nth request to Stripe, before or after it is done."""

    def __init__(self) -> None:
        self.left, self.after = 0, False
        self._worker = threading.get_ident()

    def arm(self, nth: int, *, after: bool) -> None:
        self.left, self.after = nth, after

    @contextmanager
    def at_work(self) -> Iterator[None]:
        plain = sdk.Connections.request

        def request(connections, *args, **kwargs):
            strikes = self._strikes()
            if strikes and not self.after:
                raise Died
            answer = plain(connections, *args, **kwargs)
            if strikes:
                raise Died
            return answer

        with mock.patch.object(sdk.Connections, "request", request):
            yield

    def _strikes(self) -> bool:
        if not self.left or threading.get_ident() != self._worker:
            return False
        self.left -= 1
        return self.left == 0


class WalkJourney(Journey):
    """Settles as a journey does, but a job that dies takes only itself along, and is noted."""

    books_of_walk: WalkBooks
    deaths: Deaths

    def start(self, turnstile: Turnstile) -> None:
        turnstile.now = self.sandbox.clock.now
        self.turnstile = turnstile
        self.books_of_walk = WalkBooks(
            self.sandbox, self.mailbox, turnstile, self.services.db.engine, FOUNDER
        )
        self._chores_at = self.now + CHORES_EVERY
        self._browser: tuple[datetime, requests.Session] | None = None
        with self.services.db.read() as session:
            company = session.get_one(Company, self.account.company_id)
        users.add_user(self.services, company, FOUNDER)

    def settle(self) -> None:
        for _ in range(MAX_ROUNDS):
            moved = self.sandbox.deliver_due() + self._job("drain_inbox", jobs.drain_inbox)
            for case_id in self._claim():
                moved += 1
                self._job(f"run_step {case_id}", lambda case_id=case_id: jobs.run_step(case_id))
            moved += self._job("send_due", lambda: delivery.send_due(self.services))
            moved += self._job("end_dunning", jobs.end_dunning)
            if not moved:
                return
        self.books_of_walk.died.append(("settle", f"two sides wake each other at {self.now}"))

    def _claim(self) -> list[int]:
        return steps.claim_due(self.services)

    def _job(self, name: str, job: Callable[[], int | None]) -> int:
        try:
            return job() or 0
        except Died:
            return 1
        except Exception as error:  # noqa: BLE001 - whatever it is, a worker goes on with the next
            self.books_of_walk.died.append((name, f"{type(error).__name__}: {error}"))
            return 0

    def run(self, **span: float) -> None:
        until = self.now + timedelta(**span)
        self.settle()
        while (moment := self._next_moment()) is not None and moment <= until:
            self.sandbox.advance_to(max(moment, self.now))
            if self.now >= self._chores_at:
                self.do_chores()
            self.settle()
        self.sandbox.advance_to(until)
        self.settle()

    def _next_moment(self) -> datetime | None:
        moment = super()._next_moment()
        return min(moment, self._chores_at) if moment else self._chores_at

    def do_chores(self) -> None:
        """What the product's clock does by the hour and by the day."""
        self._chores_at = self.now + CHORES_EVERY
        account = self.account_id
        self._job("reconcile_account", lambda: jobs.reconcile_account(account))
        self._job("scan_account", lambda: jobs.scan_account(account))
        self._job("notify", jobs.notify)

    def api(self, method: str, path: str, **data: str) -> dict:
        """The company's own requests meet no trouble: it would only ask again."""
        with mock.patch.object(self.sandbox, "faults", Faults()):
            return super().api(method, path, **data)

    def founder(self) -> requests.Session:
        """The founder's browser, signed in."""
        if self._browser and self._browser[0] > self.now - LOG_IN_AGAIN:
            return self._browser[1]
        browser = requests.Session()
        link = founders_link(self.services)
        page = browser.get(link, timeout=30)
        [form] = [form for form in forms_of(page.text) if form.method == "post"]
        browser.post(link, data=form.fields, headers={"Referer": link}, timeout=30)
        self._browser = self.now, browser
        return browser

    @property
    def home(self) -> str:
        return self.services.settings.base_url


@contextmanager
def walk_stage(
    database_url: str, redis_url: str, directory: Path, **world
) -> Iterator[WalkJourney]:
    """A walk's journey on an empty database."""
    turnstile = Turnstile()
    with ExitStack() as stack:
        journey = set_up(
            stack,
            database_url,
            redis_url,
            directory,
            kind=WalkJourney,
            disturb=turnstile.wrap,
            **world,
        )
        assert isinstance(journey, WalkJourney)
        journey.deaths = Deaths()
        stack.enter_context(journey.deaths.at_work())
        journey.start(turnstile)
        yield journey
