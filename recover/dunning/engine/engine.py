"""The engine: a `Timing` that plans retries from a model, and learns from their outcomes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from recover.dunning.assessment import assess, attempts_made, current_rule
from recover.dunning.campaign import DEFAULT, Campaign
from recover.dunning.declines import DeclineCategory, Pace
from recover.dunning.engine.inconsistent_facts import assumptions, contradictions
from recover.dunning.engine.model import Model
from recover.dunning.engine.outcomes import RetryOutcome
from recover.dunning.engine.planner import Price, best_plan
from recover.dunning.engine.proposal import Exploration, proposal_from, retry_question
from recover.dunning.engine.update import update_model
from recover.dunning.facts import Facts
from recover.dunning.time_sanity import time_fault
from recover.dunning.timing import FixedTiming, Proposal, Retry

_DRAWS = 2**64


@dataclass(frozen=True, slots=True)
class Engine:
    """Pure and immutable. ``explore``: the share of retries made at a random allowed hour.

    The randomness of exploration comes from ``seed``, such as the invoice's id, and from how many
    attempts there were: so the draw for one retry is the same however often it is asked for.
    Without a seed nothing is explored.
    """

    model: Model
    price: Price = field(default_factory=Price)
    explore: float = 0.0
    seed: str = ""
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

    def propose(self, facts: Facts, campaign: Campaign, now: datetime) -> Proposal:
        """The next retry that is worth its price, or why there is none.

        Never raises: facts that contradict each other get the fixed days' answer.
        """
        return self.explain(facts, campaign, now, self._draw(facts))

    def next_retry(self, facts: Facts, campaign: Campaign, now: datetime) -> Retry | None:
        """The retry that `propose` proposes."""
        return self.propose(facts, campaign, now).retry

    def next_times(
        self, cases: Sequence[tuple[Facts, datetime]], campaign: Campaign = DEFAULT
    ) -> list[Retry | None]:
        """`next_retry` for many cases at once, in their order; each with its own now."""
        return [self.next_retry(facts, campaign, now) for facts, now in cases]

    def learn(self, outcomes: Iterable[RetryOutcome | tuple[Facts, datetime, bool]]) -> Engine:
        """An engine that knows these outcomes too; with the old model where that looked unsafe."""
        result = update_model(self.model, outcomes)
        return replace(self, model=result.model, note=result.reason)

    def explain(
        self, facts: Facts, campaign: Campaign, now: datetime, draw: float | None = None
    ) -> Proposal:
        """`propose` with the randomness handed in.

        ``draw`` in [0, 1) must stay the same while the same retry is asked for again. None: no
        exploration.
        """
        if fault := time_fault(facts, now):
            return Proposal(None, fault, warnings=(fault,))
        assessment, contradicting = assess(facts), contradictions(facts, now)
        rule = assessment.current_rule
        if rule.category is not DeclineCategory.RETRY_LATER or rule.pace is Pace.NONE:
            return Proposal(None, f"{rule.text} No retry is made before the customer acts.")
        warnings = self._with_own_warning(contradicting + assumptions(facts, rule))
        if contradicting:
            return replace(FixedTiming().propose(facts, campaign, now), warnings=warnings)
        question = retry_question(facts, campaign, now, self.model, assessment)
        plan = best_plan(question.problem, self.price)
        return proposal_from(question, plan, Exploration(self.explore, draw), warnings)

    def warnings(self, facts: Facts, now: datetime) -> tuple[str, ...]:
        """What the founder should know of these facts, and of the model itself."""
        if fault := time_fault(facts, now):
            return self._with_own_warning([fault])
        sentences = contradictions(facts, now) + assumptions(facts, current_rule(facts))
        return self._with_own_warning(sentences)

    def _with_own_warning(self, sentences: list[str]) -> tuple[str, ...]:
        return (self.warning, *sentences) if self.warning else tuple(sentences)

    def _draw(self, facts: Facts) -> float | None:
        if not self.seed:
            return None
        name = f"{self.seed}:{len(attempts_made(facts))}".encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest()) / _DRAWS
