"""One policy's way through failed invoices, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.dunning import Campaign, Facts, Proposal, Retry, planned_retry
from sandbox.evaluation.case import Case, Tried
from sandbox.evaluation.invoices import FailedInvoice
from sandbox.evaluation.proposals import EVERYTHING, Policy
from sandbox.issuers import Issuers


@dataclass(frozen=True, slots=True)
class _Proposed:
    """A timing that has made up its mind."""

    retry: Retry

    def propose(self, facts: Facts, campaign: Campaign, now: datetime) -> Proposal:
        del facts, campaign, now
        return Proposal(self.retry, self.retry.reason)


def play(
    invoices: Sequence[FailedInvoice], policy: Policy, issuers: Issuers, campaign: Campaign
) -> list[Case]:
    """Retry every invoice until it is paid or given up; ``invoices`` by time of failure.

    The retries go on as if nothing else ended a case: `tally.ending` cuts them off where it did.
    """
    cases: list[Case] = []
    lessons = Lessons(campaign.window)
    for start in range(0, len(invoices), policy.batch):
        batch = [Case(invoice) for invoice in invoices[start : start + policy.batch]]
        policy.learn(lessons.due(batch[0].invoice.failed_at))
        _retry_all(batch, policy, issuers, campaign)
        lessons.add(batch)
        cases += batch
    if policy.batch < EVERYTHING:
        policy.learn(lessons.due(None))
    return cases


def _retry_all(cases: Sequence[Case], policy: Policy, issuers: Issuers, campaign: Campaign) -> None:
    """Round after round: the first retry of every case, then the second of those still open."""
    pending = list(cases)
    while pending:
        proposals = policy.propose(pending, campaign)
        pending = [
            case
            for case, proposal in zip(pending, proposals, strict=True)
            if _declined_again(case, proposal, issuers, campaign)
        ]


def _declined_again(
    case: Case, proposal: Retry | None, issuers: Issuers, campaign: Campaign
) -> bool:
    """True where a try was made and failed, so that there may be another."""
    if proposal is None:
        return False
    planned = planned_retry(case.facts, campaign, _Proposed(proposal), case.now)
    if planned is None or planned.at >= case.invoice.failed_at + campaign.window:
        return False
    return not case.retry(issuers, planned.at)


def tries_made(case: Case) -> list[Tried]:
    """The retries before anything else ended the case."""
    ends_at = case.invoice.contact.ends_at
    return [tried for tried in case.tried if ends_at is None or tried.at < ends_at]


class Lessons:
    """What a policy may learn by when.

    A case is told whole and once its window is over: tries told as they come in would be mostly
    the early ones.
    """

    def __init__(self, window: timedelta) -> None:
        self._window = window
        self._untold: list[Case] = []

    def add(self, cases: Sequence[Case]) -> None:
        self._untold += cases

    def due(self, now: datetime | None) -> list[Tried]:
        """The tries of cases that were over by ``now`` (None: of all the rest), oldest first."""
        over = [case for case in self._untold if now is None or self._over_at(case) <= now]
        self._untold = self._untold[len(over) :]  # they are in the order of their failure
        return sorted((t for case in over for t in tries_made(case)), key=lambda tried: tried.at)

    def _over_at(self, case: Case) -> datetime:
        return case.invoice.failed_at + self._window
