"""What applies to a case now: the campaign under the account's limits, and the timing of retries.

The engine's models are rows that never change, so each process parses each of them once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.dunning import Campaign, Facts, FixedTiming, Timing, TimingKind, campaign
from recover.dunning.engine import Engine
from recover.models import Account, RecoveryCase, RetryModel

_MAX_ENGINES = 200  # kept in memory
_engines: dict[str, Engine] = {}  # by version
SHIPPED = Engine.default()


def campaign_of(account: Account, case: RecoveryCase) -> Campaign:
    """The campaign the case began with, under the limits the account has set since."""
    return within_limits(account, campaign(case.campaign_key, case.campaign_version))


def within_limits(account: Account, steps: Campaign) -> Campaign:
    """The campaign with each limit that the account has set in place of its own."""
    own: dict[str, Any] = {
        "max_retries": account.max_retries,
        "min_gap": _hours(account.min_gap_hours),
        "message_gap": _hours(account.message_gap_hours),
        "messages_per_week": account.messages_per_week,
        "send_from_hour": account.send_from_hour,
        "send_until_hour": account.send_until_hour,
        "leavers": account.leavers,
    }
    return replace(steps, **{name: value for name, value in own.items() if value is not None})


def _hours(count: int | None) -> timedelta | None:
    return None if count is None else timedelta(hours=count)


def timing_of(session: Session, account: Account, invoice_id: str) -> Timing:
    """The timing of this invoice's retries. ``invoice_id`` seeds the engine's exploration."""
    if account.timing == TimingKind.FIXED:
        return FixedTiming()
    return replace(engine_of(session, account), explore=account.explore, seed=invoice_id)


def engine_of(session: Session, account: Account) -> Engine:
    """The engine with the account's model in use, or with the shipped prior if there is none."""
    return SHIPPED if account.model_id is None else _stored_engine(session, account.model_id)


def _stored_engine(session: Session, model_id: int) -> Engine:
    version = session.scalar(select(RetryModel.version).where(RetryModel.id == model_id)) or ""
    if version in _engines:
        return _engines[version]
    body = session.scalar(select(RetryModel.body).where(RetryModel.id == model_id)) or ""
    engine = Engine.from_json(body)
    if not engine.warning:  # a damaged one is not kept: a sound row may bear the same version
        if len(_engines) >= _MAX_ENGINES:
            _engines.clear()
        _engines[version] = engine
    return engine


def warning(session: Session, account: Account) -> str:
    """What is wrong with the model that times this account's retries; "" where nothing is."""
    return "" if account.timing == TimingKind.FIXED else engine_of(session, account).warning


def warnings(timing: Timing, facts: Facts, now: datetime) -> list[str]:
    """What the founder should know about the facts and the model; empty with fixed days."""
    return list(timing.warnings(facts, now)) if isinstance(timing, Engine) else []
