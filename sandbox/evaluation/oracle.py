"""The ceiling: a policy that sees when each card would go through, but not the issuers' dice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from recover.dunning import Campaign, Retry
from recover.dunning.assessment import latest_failure, rule_of
from recover.dunning.retry_budget import gap_ends_at
from sandbox.evaluation.case import Case
from sandbox.evaluation.proposals import Unlearning
from sandbox.issuers import Issuers

_HOUR = timedelta(hours=1)
_PATIENCE = 24  # hours: it lets a bad hour of an open spell pass, if a better one follows


class Oracle(Unlearning):
    """Tries at the best hour of the first day on which a try can succeed, and never in vain."""

    def __init__(self, issuers: Issuers) -> None:
        self._issuers = issuers

    def propose(self, cases: Sequence[Case], campaign: Campaign) -> list[Retry | None]:
        return [self._next(case, campaign) for case in cases]

    def _next(self, case: Case, campaign: Campaign) -> Retry | None:
        floor = _allowed_from(case, campaign)
        opens = self._opens(case, floor, case.invoice.failed_at + campaign.window)
        if opens is None:
            return None
        best = max(self._hours(case, opens), key=lambda at: self._issuers.weather(case.truth, at))
        return Retry(best, "the card will go through")

    def _opens(self, case: Case, at: datetime, until: datetime) -> datetime | None:
        """The first moment from ``at`` on when a try can succeed."""
        episode, issuer = case.truth.episode, case.truth.issuer
        while at < until:
            opens = episode.next_open(at) if episode else at
            if opens is None or not self._issuers.down(issuer, opens):
                return opens
            at = next(end for start, end in self._issuers.outages(issuer, opens) if opens < end)
        return None

    def _hours(self, case: Case, opens: datetime) -> Iterator[datetime]:
        """The open hours of the day after ``opens``, that moment first."""
        episode, issuer = case.truth.episode, case.truth.issuer
        for hours in range(_PATIENCE):
            at = opens + hours * _HOUR
            if (episode is None or episode.open_at(at)) and not self._issuers.down(issuer, at):
                yield at


def _allowed_from(case: Case, campaign: Campaign) -> datetime:
    latest = latest_failure(case.facts)
    wish = rule_of(latest).not_before if latest else None
    gap = gap_ends_at(case.facts, campaign) or case.now
    return max(gap, case.now + wish) if wish else gap
