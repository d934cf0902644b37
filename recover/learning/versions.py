"""Versions of an account's model: their names and sentences about them, for pages and terminal."""

from __future__ import annotations

import math

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.dunning import FixedTiming, TimingKind
from recover.foundation.errors import PermanentError
from recover.models import Account, RetryModel

SHIPPED = "shipped"
MIN_HELD_OUT = 30  # as in `refit`, which judges no version by fewer
_MAX_ID_DIGITS = 18  # digits


def short_name(row: RetryModel | None) -> str:
    """Such as "3f2a9c01"; "shipped" for the prior (None), "refused" for a refused version."""
    if row is None:
        return SHIPPED
    return row.version[:8] or "refused"


def named(session: Session, account_id: int, name: str) -> RetryModel | None:
    """The account's version with this id, or whose name begins with it; None for "shipped".

    Raises PermanentError if there is none, or several.
    """
    wanted = name.strip().lower()
    if wanted == SHIPPED:
        return None
    of_account = select(RetryModel).where(RetryModel.account_id == account_id)
    if wanted.isdecimal() and len(wanted) <= _MAX_ID_DIGITS:
        by_id = session.scalar(of_account.where(RetryModel.id == int(wanted)))
        if by_id is not None:
            return by_id
    by_name = of_account.where(
        RetryModel.accepted, RetryModel.version.startswith(wanted or "?", autoescape=True)
    )
    found = session.scalars(by_name.order_by(RetryModel.id.desc()).limit(20)).all()
    if not found:
        raise PermanentError(f'Account {account_id} has no version "{name}".')
    if len({row.version for row in found}) > 1:
        raise PermanentError(f'Several versions begin with "{name}": give more of it, or the id.')
    return found[0]


def in_use(session: Session, account: Account) -> RetryModel | None:
    """The version in use; None if it is the shipped prior."""
    return session.get(RetryModel, account.model_id) if account.model_id is not None else None


def learned_from(row: RetryModel) -> str:
    """Such as "learned from 412 attempts"."""
    used = row.figures.get("used") or 0
    if not used:
        return "begun with what the other accounts here have taught"
    return f"learned from {used} {'attempt' if used == 1 else 'attempts'}"


def timing_description(account: Account, row: RetryModel | None, made_on: str) -> str:
    """What times the retries, in sentences. ``made_on``: the day the version in use was made."""
    if account.timing == TimingKind.FIXED:
        days = [str(day) for day in FixedTiming().days]
        listed = f"{', '.join(days[:-1])} and {days[-1]}"
        return f"The fixed days time the retries: {listed} days after the first failure."
    basis = "on the shipped prior: it has learned from none of your attempts yet."
    if row is not None:
        basis = f"on version {short_name(row)}, {learned_from(row)} on {made_on}."
    elif account.model_pinned:
        basis = "on the shipped prior."
    pinned = " Somebody chose it, so the nights go on learning but change nothing."
    return f"The retry engine times the retries, {basis}{pinned if account.model_pinned else ''}"


def held_out_verdict(row: RetryModel) -> str:
    """How well a version predicts the held-out attempts; "" if it had no training data.

    The percentages are geometric means of the chance predicted for the actual outcomes.
    """
    before, after = row.figures.get("loss_before"), row.figures.get("loss_after")
    count = row.figures.get("held_out") or 0
    if before is None or after is None or not count:
        return "No attempt was kept to judge by yet." if row.figures.get("used") else ""
    attempts = f"{count} held-out {'attempt' if count == 1 else 'attempts'}"
    if count < MIN_HELD_OUT:
        return f"{attempts} to judge by: too few to say which version predicts better."
    predicts = "Predicts" if row.accepted else "Would have predicted"
    return (
        f"{predicts} {attempts} {_verdict(_as_percent(before), _as_percent(after), row.accepted)}"
    )


def _verdict(before: float, after: float, accepted: bool) -> str:
    """``before`` and ``after`` in per cent, as they are shown."""
    if before == after:
        return f"as well as the one before: both gave what happened a chance of {after}%."
    gave = f"it gave what happened a chance of {after}%, the one before {before}%."
    luck = " Luck explains that much." if accepted and after < before else ""
    return f"{'better' if after > before else 'worse'} than the one before: {gave}{luck}"


def _as_percent(loss: float) -> float:
    return round(100 * math.exp(-loss), 1)
