"""The engine: a `Timing` that plans by what it believes, and learns from what happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from recover.dunning.campaign import DEFAULT, Campaign
from recover.dunning.declines import DeclineCategory, Pace
from recover.dunning.engine.doubts import doubts, remarks, unusable
from recover.dunning.engine.learning import learned
from recover.dunning.engine.model import Model
from recover.dunning.engine.outcomes import TryOutcome
from recover.dunning.engine.planner import Price
from recover.dunning.engine.proposal import Proposal, propose, with_context
from recover.dunning.facts import Facts
from recover.dunning.situation import current_rule
from recover.dunning.timing import FixedTiming, Retry


@dataclass(frozen=True, slots=True)
class Engine:
    """Pure and immutable. ``explore``: the share of tries made at a random allowed hour."""

    model: Model
    price: Price = field(default_factory=Price)
    explore: float = 0.0
    warning: str = ""  # about the model itself, such as a damaged file
    note: str = ""  # what became of the last `learn`

    @classmethod
    def default(cls) -> Engine:
        return cls(Model.prior())

    @classmethod
    def from_json(cls, text: str) -> Engine:
        """An engine on a saved model; on the shipped prior, with a warning, where it is damaged."""
        model, warning = Model.from_json(text)
        return cls(model, warning=warning)

    def next_retry(self, facts: Facts, campaign: Campaign, now: datetime) -> Retry | None:
        """The next try worth its price, or None. Total: bad facts get the fixed days' answer."""
        return self.explain(facts, campaign, now).retry

    def next_times(
        self, cases: Sequence[tuple[Facts, datetime]], campaign: Campaign = DEFAULT
    ) -> list[Retry | None]:
        """`next_retry` for many cases at once, in their order; each with its own now."""
        return [self.next_retry(facts, campaign, now) for facts, now in cases]

    def learn(self, outcomes: Iterable[TryOutcome | tuple[Facts, datetime, bool]]) -> Engine:
        """An engine that knows these outcomes too; with the old model where that looked unsafe."""
        found = learned(self.model, outcomes)
        return replace(self, model=found.model, note=found.reason)

    def explain(
        self, facts: Facts, campaign: Campaign, now: datetime, draw: float | None = None
    ) -> Proposal:
        """The proposal with everything behind it.

        ``draw`` in [0, 1) is the randomness exploration may use; it must stay the same while the
        same try is asked for again. None: no exploration.
        """
        if absurd := unusable(facts, now):
            return Proposal(None, absurd, warnings=(absurd,))
        rule = current_rule(facts)
        if rule.category is not DeclineCategory.RETRY_LATER or rule.pace is Pace.NONE:
            return Proposal(None, f"{rule.text} No retry is made before the customer acts.")
        doubtful = doubts(facts, now)
        warnings = tuple(filter(None, (self.warning, *doubtful, *remarks(facts))))
        if doubtful:
            return _fixed(facts, campaign, now, warnings)
        found = propose(
            facts, campaign, now, self.model, self.price, explore=self.explore, draw=draw
        )
        return with_context(found, warnings, self.model)


def _fixed(facts: Facts, campaign: Campaign, now: datetime, warnings: tuple[str, ...]) -> Proposal:
    retry = FixedTiming().next_retry(facts, campaign, now)
    reason = retry.reason if retry else "The fixed days are over."
    return Proposal(retry, reason, warnings=warnings)
