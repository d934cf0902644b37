"""What several accounts teach together: partial pooling in closed form.

Accounts are taken to differ from each other about as much as the prior's strengths say. Then ten
thousand outcomes of one account say hardly more of *other* accounts than a few hundred do: with a
strength of s, n failed invoices weigh as n (s + 1) / (n + s), which is never more than s + 1. So
one large account cannot outvote ten small ones.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from recover.dunning.engine.arrays import Floats
from recover.dunning.engine.features import FEATURES
from recover.dunning.engine.hypotheses import PARAMETERS
from recover.dunning.engine.model import SHIPPED, Model, within_causes


def pool(models: Iterable[Model]) -> Model:
    """The population's model; its `for_account` is the prior of one more account.

    Each model must be one account's own, refit from the shipped prior: what it has more than that
    is what the account saw. Pool an account's prior from the *others*: its own outcomes would
    count twice. Without any model the shipped prior comes back.
    """
    accounts = list(models)
    if not accounts:
        return SHIPPED
    coefficients, precision = _pooled_correction(accounts)
    return Model(
        {
            group: _pooled_counts(shipped, *(each.causes[group] for each in accounts))
            for group, shipped in SHIPPED.causes.items()
        },
        {
            region: within_causes(
                _pooled_counts, shipped, *(each.schedules[region] for each in accounts)
            )
            for region, shipped in SHIPPED.schedules.items()
        },
        coefficients,
        precision,
        sum(each.seen for each in accounts),
    )


def _pooled_counts(shipped: Floats, *by_account: Floats) -> Floats:
    strength, total = shipped.sum(), shipped.copy()
    for counts in by_account:
        gained = np.maximum(counts - shipped, 0.0)
        total += gained * (strength + 1) / (strength + gained.sum())
    return total


def _pooled_correction(accounts: list[Model]) -> tuple[Floats, Floats]:
    """(mean, precision) of the population's coefficients.

    Each account's own coefficients are taken to lie around that mean as the prior says.
    """
    variance = PARAMETERS["strength"]["correction"] ** 2
    of_shipped = SHIPPED.precision @ SHIPPED.coefficients
    precision, weighted = SHIPPED.precision.copy(), of_shipped.copy()
    for account in accounts:
        information = account.precision - SHIPPED.precision  # in the account's outcomes
        discount = np.linalg.inv(np.eye(len(FEATURES)) + variance * information)
        precision += discount @ information
        weighted += discount @ (account.precision @ account.coefficients - of_shipped)
    mean = np.linalg.solve(precision, weighted).astype(np.float64)
    return mean, (precision + precision.T) / 2
