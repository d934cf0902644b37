"""The product's engine as a policy: as it is shipped, and learning from its own outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from recover.dunning import DEFAULT, Campaign, Retry
from recover.dunning.engine import Engine, Model, RetryOutcome, refit
from sandbox.chance import Chance
from sandbox.evaluation.case import Case, Tried
from sandbox.evaluation.invoices import RememberingIssuers, failed_invoices
from sandbox.evaluation.play import play
from sandbox.evaluation.proposals import EVERYTHING
from sandbox.issuers import Issuers
from sandbox.world import World

BATCH = 100
OUTCOMES = 3000  # what a trained engine has learnt from
_INVOICES = 2500  # which give rise to more tries than that
_OTHER_SEED = 1_000_000  # people met in training are met nowhere else

_trained: dict[int, tuple[World, Engine]] = {}  # by the world's id, kept alive here


@dataclass
class EnginePolicy:
    engine: Engine
    batch: int = EVERYTHING
    quota: int = EVERYTHING  # of outcomes it may still learn from
    told: list[RetryOutcome] = field(default_factory=list)

    def propose(self, cases: Sequence[Case], campaign: Campaign) -> Sequence[Retry | None]:
        return self.engine.next_times([(case.facts, case.now) for case in cases], campaign)

    def learn(self, outcomes: Sequence[Tried]) -> None:
        """As the product does: anew from the shipped prior, on all outcomes so far."""
        new = [RetryOutcome(tried.facts, tried.at, tried.approved) for tried in outcomes]
        new = new[: self.quota]
        self.quota -= len(new)
        self.told += new
        if new:
            found = refit(Model.prior(), self.told, self.engine.model)
            self.engine = replace(self.engine, model=found.model, note=found.reason)


def shipped_engine() -> EnginePolicy:
    return EnginePolicy(Engine.default())


def learning_engine() -> EnginePolicy:
    return EnginePolicy(Engine.default(), BATCH)


def trained_engine(issuers: Issuers) -> EnginePolicy:
    """One that has learnt from its own tries on other people, and stays as it is then.

    It is the same for all seeds of a world.
    """
    world = issuers.world
    if id(world) not in _trained:
        _trained[id(world)] = (world, _train(world, _OTHER_SEED))
    return EnginePolicy(_trained[id(world)][1])


def _train(world: World, seed: int) -> Engine:
    issuers = RememberingIssuers(world, Chance(seed))
    policy = EnginePolicy(Engine.default(), BATCH, OUTCOMES)
    play(failed_invoices(issuers, _INVOICES), policy, issuers, DEFAULT)
    return policy.engine
