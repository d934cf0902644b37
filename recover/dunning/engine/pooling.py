"""What several accounts teach together: partial pooling, in closed form.

Accounts differ from each other about as much as the prior's strengths say. Under that view ten
thousand outcomes of one account hardly say more of *other* accounts than a few hundred of them do:
n failed invoices weigh as n (s + 1) / (n + s), s being the strength. So one large account cannot
outvote ten small ones.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from recover.dunning.engine.features import FEATURES
from recover.dunning.engine.hypotheses import CAUSES, PRIOR
from recover.dunning.engine.model import CAUSE_INDEX, SHIPPED, Model
from recover.dunning.engine.paydays import Floats


def pool(models: Iterable[Model]) -> Model:
    """The population's beliefs; its `for_account` is the prior of one more account.

    Each model must be one account's own, refit from the shipped prior: what it has more than that
    is what the account saw. Pool an account's prior from the *others*: its own outcomes would
    count twice. Without any model the shipped prior comes back.
    """
    told = list(models)
    if not told:
        return SHIPPED
    coefficients, precision = _corrections(told)
    return Model(
        {name: _counts(c, [m.causes[name] for m in told]) for name, c in SHIPPED.causes.items()},
        {name: _schedules(name, told) for name in SHIPPED.schedules},
        coefficients,
        precision,
        sum(model.seen for model in told),
    )


def _counts(shipped: Floats, learned: Iterable[Floats]) -> Floats:
    strength, total = shipped.sum(), shipped.copy()
    for counts in learned:
        gained = np.maximum(counts - shipped, 0.0)
        total += gained * (strength + 1) / (strength + gained.sum())
    return total


def _schedules(region: str, models: list[Model]) -> Floats:
    found = SHIPPED.schedules[region].copy()
    for cause in range(len(CAUSES)):
        mine = cause == CAUSE_INDEX
        found[mine] = _counts(found[mine], [model.schedules[region][mine] for model in models])
    return found


def _corrections(models: list[Model]) -> tuple[Floats, Floats]:
    """The population's mean where each account's own lies around it as the prior says."""
    spread = PRIOR["strength"]["correction"] ** 2
    before = SHIPPED.precision @ SHIPPED.coefficients
    precision, weighed = SHIPPED.precision.copy(), before.copy()
    for model in models:
        seen = model.precision - SHIPPED.precision  # the information in the account's outcomes
        held = np.linalg.inv(np.eye(len(FEATURES)) + spread * seen)
        precision += held @ seen
        weighed += held @ (model.precision @ model.coefficients - before)
    mean = np.linalg.solve(precision, weighed).astype(np.float64)
    return mean, (precision + precision.T) / 2
