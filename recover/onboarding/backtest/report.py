"""The report: plain values in, one dataclass out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median

from recover.dunning import DEFAULT, Campaign, FixedTiming, Timing, rule_of
from recover.onboarding.backtest.audit import Audit, audit
from recover.onboarding.backtest.off_policy import Estimate, estimate
from recover.onboarding.backtest.renewals import AccountHistory, Ending, History, account_history
from recover.onboarding.backtest.retry_choices import Choice, bucket_name, choices
from recover.stripe_api.objects import Charge, Invoice

SEED = 20270101  # of the bootstrap: the same history gives the same report


@dataclass(frozen=True, slots=True)
class EndingLine:
    """How many failed renewals ended so, in one currency."""

    ending: Ending
    currency: str
    invoices: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class AttemptCounts:
    """Authorisations per failed renewal, the first one included, where Stripe shows any."""

    mean: float
    median: float
    most: int
    histogram: tuple[tuple[int, int], ...]  # attempts, invoices


@dataclass(frozen=True, slots=True)
class Placement:
    """How often a wait was chosen before one retry, and how often ours would have been."""

    retry: int  # 1, 2, ...; the last stands for all after it too
    wait: str
    theirs: int
    ours: int


@dataclass(frozen=True, slots=True)
class NotRetried:
    """Retries on unchanged cards that our timing would not have made."""

    tries: int
    succeeded: int


@dataclass(frozen=True, slots=True)
class Report:
    """Counts are of renewals charged automatically; amounts are in minor units.

    The names of the fields, here and in what it holds, are keys of `recover backtest --json`: hence
    the word *tries*.
    """

    since: datetime
    until: datetime
    renewals: int
    failed: int
    endings: tuple[EndingLine, ...]
    tries: AttemptCounts | None
    audit: Audit
    placements: tuple[Placement, ...]
    left_alone: NotRetried
    estimates: tuple[Estimate, ...]  # the first is over all declines
    warnings: tuple[str, ...]


def backtest(
    invoices: Iterable[Invoice],
    charges: Iterable[Charge],
    *,
    since: datetime,
    until: datetime,
    timing: Timing | None = None,
    campaign: Campaign = DEFAULT,
    timezone: str = "UTC",
) -> Report:
    """Judge one account's history. ``charges`` is iterated twice; neither need be sorted."""
    found = account_history(invoices, charges)
    made = choices(found.histories, found.uses, campaign, timing or FixedTiming(), timezone)
    wanted = [one for one in made if one.ours is not None]
    groups = sorted({one.group for one in wanted})
    return Report(
        since=since,
        until=until,
        renewals=found.renewals,
        failed=len(found.histories),
        endings=_endings(found.histories, until),
        tries=_attempt_counts(found.histories),
        audit=audit(found.histories, found.uses),
        placements=_placements(wanted),
        left_alone=_not_retried(made),
        estimates=(
            estimate("all", wanted, SEED),
            *(estimate(name, [x for x in wanted if x.group == name], SEED) for name in groups),
        ),
        warnings=_warnings(found),
    )


def _endings(histories: Sequence[History], now: datetime) -> tuple[EndingLine, ...]:
    counts, amounts = Counter[tuple[Ending, str]](), Counter[tuple[Ending, str]]()
    for one in histories:
        key = (one.ending(now), one.invoice.currency)
        counts[key] += 1
        amounts[key] += one.invoice.amount_due_minor
    return tuple(
        EndingLine(ending, currency, counts[ending, currency], amounts[ending, currency])
        for ending in Ending
        for currency in sorted({currency for _, currency in counts})
        if counts[ending, currency]
    )


def _attempt_counts(histories: Sequence[History]) -> AttemptCounts | None:
    lengths = [len(one.attempts) for one in histories if one.attempts]
    if not lengths:
        return None
    histogram = tuple(sorted(Counter(lengths).items()))
    return AttemptCounts(round(fmean(lengths), 2), median(lengths), max(lengths), histogram)


def _placements(made: Sequence[Choice]) -> tuple[Placement, ...]:
    theirs = Counter((one.nth, one.theirs) for one in made)
    ours = Counter((one.nth, one.ours) for one in made if one.ours is not None)
    return tuple(
        Placement(nth, bucket_name(wait), theirs[nth, wait], ours[nth, wait])
        for nth, wait in sorted(theirs.keys() | ours.keys())
    )


def _not_retried(made: Sequence[Choice]) -> NotRetried:
    found = [one for one in made if one.ours is None]
    return NotRetried(len(found), sum(one.succeeded for one in found))


def _warnings(found: AccountHistory) -> tuple[str, ...]:
    bare = sum(not one.attempts for one in found.histories)
    unseen = sum(bool(one.attempts) and not one.first_failure_seen for one in found.histories)
    unknown = Counter(
        rule.code
        for history in found.histories
        for one in history.attempts
        if one.decline is not None and not (rule := rule_of(one)).known
    )
    texts = [
        (bare, f"{bare} failed renewals have no charge on Stripe: their attempts are not judged."),
        (
            unseen,
            f"{unseen} renewals failed at first without a charge: they say nothing about timing.",
        ),
        *(
            (count, f'{count} declines with the code "{code}", which is unknown here.')
            for code, count in sorted(unknown.items())
        ),
    ]
    return tuple(text for count, text in texts if count)
