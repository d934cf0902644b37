"""Issuers that were down and answer again: the cases that wait for one are planned again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recover.cases.core_values import card_of_attempt, issuer_answers, past_attempt
from recover.dunning import CaseState
from recover.dunning.outages import (
    MEMORY,
    TECHNICAL_CODES,
    issuer_answer,
    outage_behind,
    technical_failures,
)
from recover.models import Attempt, RecoveryCase


def note_answer(
    session: Session, case: RecoveryCase, row: Attempt, rows: Iterable[Attempt], now: datetime
) -> None:
    """Take in an answer just learned, ``row``, of the case's ``rows``.

    The first card that is judged after an outage wakes the others; later ones find them awake, so
    a case is looked at once for each end, whatever its next step then is.
    """
    answer, card = issuer_answer(past_attempt(row)), card_of_attempt(row)
    if answer is None or answer.technical or not row.card_issuer:
        return
    earlier = [past_attempt(one) for one in rows if one.attempted_at < row.attempted_at]
    failures = technical_failures(earlier, card)
    if not failures or now - failures[-1] > MEMORY:
        return
    others = issuer_answers(session, row, failures)
    found = outage_behind(failures, [word for word in others if word.at <= row.attempted_at])
    if found and found.over_at is None:
        make_waiting_due(session, case, row.card_issuer, now)


def make_waiting_due(session: Session, case: RecoveryCase, issuer: str, now: datetime) -> None:
    """Mark the account's other cases due that a technical failure on this issuer's cards holds up.

    Thousands may fall due at once: the clock puts them on the queue, and the workers, as many as
    there are, do one after the other, each asking again whether the issuer still answers.
    A case that is locked is being decided on right now, and is left to the timing: waiting for its
    lock could end in a deadlock with a worker that wakes cases too.
    """
    waiting = (
        select(RecoveryCase.id)
        .where(
            RecoveryCase.account_id == case.account_id,
            RecoveryCase.card_issuer == issuer,
            RecoveryCase.state == CaseState.OPEN,
            RecoveryCase.decline_code.in_(TECHNICAL_CODES),
            RecoveryCase.next_step_at > now,
            RecoveryCase.id != case.id,
        )
        .with_for_update(skip_locked=True)
    )
    due = update(RecoveryCase).where(RecoveryCase.id.in_(waiting))
    session.execute(due.values(next_step_at=now), execution_options={"synchronize_session": False})
