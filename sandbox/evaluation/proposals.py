"""What a policy is to the harness, and the plain ones among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from recover.dunning import Campaign, Retry, Timing
from sandbox.chance import Chance
from sandbox.evaluation.case import Case, Tried
from sandbox.evaluation.invoices import FailedInvoice


class Policy(Protocol):
    """Chooses retries. A proposal that comes too early is moved by the product's limits."""

    batch: int  # how many invoices, by time of failure, it is given before it may learn

    def propose(self, cases: Sequence[Case], campaign: Campaign) -> Sequence[Retry | None]:
        """The next try of each case, all of which have just failed; None for no further one."""
        ...

    def learn(self, outcomes: Sequence[Tried]) -> None:
        """What became of its own tries that are over by now, oldest first, each told once."""
        ...


EVERYTHING = 1_000_000_000


class Unlearning:
    """A policy that is always the same."""

    batch = EVERYTHING

    def learn(self, outcomes: Sequence[Tried]) -> None:
        pass


@dataclass
class TimingPolicy(Unlearning):
    """Anything with the product's own protocol for a timing, asked case by case."""

    timing: Timing

    def propose(self, cases: Sequence[Case], campaign: Campaign) -> list[Retry | None]:
        return [self.timing.propose(case.facts, campaign, case.now).retry for case in cases]


@dataclass
class Slots(Unlearning):
    """Moments fixed at the first failure, one try for each; a late try delays no later one."""

    slots: Callable[[FailedInvoice], Sequence[datetime]]

    def propose(self, cases: Sequence[Case], campaign: Campaign) -> list[Retry | None]:
        del campaign
        return [self._next(case) for case in cases]

    def _next(self, case: Case) -> Retry | None:
        slots = self.slots(case.invoice)
        used = len(case.tried)
        return Retry(slots[used], "its slot") if used < len(slots) else None


def on_days(*days: int) -> Slots:
    """The same days after the first failure for every invoice, at its hour."""
    return Slots(lambda invoice: [invoice.failed_at + timedelta(days=day) for day in days])


def at_random(chance: Chance, count: int, within_days: int) -> Slots:
    """``count`` different hours of the window, drawn anew for each invoice."""

    def slots(invoice: FailedInvoice) -> list[datetime]:
        hours = range(1, 24 * within_days + 1)
        drawn = chance.rng("random slots", count, invoice.id).sample(hours, count)
        return [invoice.failed_at + timedelta(hours=hour) for hour in sorted(drawn)]

    return Slots(slots)
