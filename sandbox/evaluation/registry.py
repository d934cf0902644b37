"""The policies by name, as the command and the tables know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from recover.dunning import FixedTiming
from recover.dunning.network_rules import DEFAULT_RETRIES
from sandbox.evaluation.heuristic import CodeAndPayday
from sandbox.evaluation.learning import learning_engine, shipped_engine, trained_engine
from sandbox.evaluation.offline import offline_model
from sandbox.evaluation.oracle import Oracle
from sandbox.evaluation.proposals import Policy, TimingPolicy, at_random, on_days
from sandbox.issuers import Issuers

BASELINE = "days_1_3_7_13"
ORACLE = "oracle"
OFFLINE = "offline_model"  # what any learner could reach; the only one to need scikit-learn


@dataclass(frozen=True, slots=True)
class Entry:
    """``create`` makes the policy anew for each seed."""

    title: str
    create: Callable[[Issuers], Policy]
    max_retries: int = DEFAULT_RETRIES


POLICIES: Mapping[str, Entry] = {
    "email_only": Entry("Email only", lambda _: on_days()),
    "days_1_3_5_7": Entry("Days 1/3/5/7", lambda _: on_days(1, 3, 5, 7)),
    BASELINE: Entry("Days 1/3/7/13", lambda _: on_days(1, 3, 7, 13)),
    "stripe_custom_3_5_7": Entry("Days 3/8/15", lambda _: on_days(3, 8, 15)),
    "daily_14": Entry("Daily for 14 days", lambda _: on_days(*range(1, 15)), max_retries=14),
    "random_8_in_14": Entry(
        "Random 8 in 14 days", lambda issuers: at_random(issuers.chance, 8, 14)
    ),
    "code_and_payday": Entry("Code and payday heuristic", lambda _: CodeAndPayday()),
    "fixed": Entry("Recover's fixed timing", lambda _: TimingPolicy(FixedTiming())),
    "engine": Entry("Recover's engine, as shipped", lambda _: shipped_engine()),
    "engine_learned": Entry("Recover's engine, learning", lambda _: learning_engine()),
    "engine_trained": Entry("Recover's engine, after 3,000 tries", trained_engine),
    OFFLINE: Entry("Boosted trees, fitted to random tries", offline_model),
    ORACLE: Entry("Oracle, at most 8 tries", Oracle),
}


def available() -> tuple[str, ...]:
    """The names of all policies that can be played here."""
    with_trees = find_spec("sklearn") is not None
    return tuple(name for name in POLICIES if with_trees or name != OFFLINE)
