"""When to retry, when to stop, and learning from what happened. Pure: numpy and values only.

Engine.default()                     on the shipped prior
engine.propose(facts, campaign, now) a `Timing`: the retry, its reason, chance, plan and warnings
engine.next_retry(facts, campaign, now)  its retry alone
engine.next_times(cases)             many cases at once
engine.learn(outcomes)               a new engine
refit(prior, outcomes, previous)     a new model from all outcomes of an account
pool(models)                         what several accounts teach together
differences(old, new)                what two models believe differently, in words
"""

from __future__ import annotations

from recover.dunning.engine.engine import Engine
from recover.dunning.engine.model import Model
from recover.dunning.engine.model_diff import differences
from recover.dunning.engine.model_distance import Move
from recover.dunning.engine.outcomes import RetryOutcome
from recover.dunning.engine.planner import Price
from recover.dunning.engine.pooling import pool
from recover.dunning.engine.update import FitResult, refit, update_model
from recover.dunning.timing import Proposal

__all__ = [
    "Engine",
    "FitResult",
    "Model",
    "Move",
    "Price",
    "Proposal",
    "RetryOutcome",
    "differences",
    "pool",
    "refit",
    "update_model",
]
