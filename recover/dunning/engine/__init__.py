"""When to retry, when to stop, and learning from what happened. Pure: numpy and values only.

Engine.default()                     the shipped prior
engine.propose(facts, campaign, now)      what a `Timing` answers
engine.next_retry(facts, campaign, now)   its try alone
engine.next_times(cases)             many cases at once
engine.explain(...)                  the same with its reasons, chances, plan and warnings
engine.learn(outcomes)               a new engine
"""

from __future__ import annotations

from recover.dunning.engine.engine import Engine
from recover.dunning.engine.learning import Learned, learned
from recover.dunning.engine.model import Model
from recover.dunning.engine.outcomes import TryOutcome
from recover.dunning.engine.planner import Price
from recover.dunning.timing import Proposal

__all__ = ["Engine", "Learned", "Model", "Price", "Proposal", "TryOutcome", "learned"]
