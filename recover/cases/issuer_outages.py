"""When an issuer answers again after an outage, the cases that wait for it are planned again."""

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
    """Look whether an answer just learned, ``row``, ends an outage of its issuer.

    ``rows`` are all attempts of the case. The first real answer after an outage makes the waiting
    cases due. Later answers find the outage over, so each case is looked at once per outage.
    """
    answer, card = issuer_answer(past_attempt(row)), card_of_attempt(row)
    if answer is None or answer.technical or not row.card_issuer:
        return
    earlier = [past_attempt(other) for other in rows if other.attempted_at < row.attempted_at]
    failures = technical_failures(earlier, card)
    if not failures or now - failures[-1] > MEMORY:
        return
    answers = issuer_answers(session, row, failures)
    outage = outage_behind(failures, [other for other in answers if other.at <= row.attempted_at])
    if outage and outage.over_at is None:
        make_waiting_due(session, case, row.card_issuer, now)


def make_waiting_due(session: Session, case: RecoveryCase, issuer: str, now: datetime) -> None:
    """Make the account's other cases due that wait because of a technical failure of this issuer.

    Thousands may fall due at once. The clock queues them, and the workers take them one by one;
    each step asks again whether the issuer still answers. A locked case is skipped, because a
    worker is deciding on it at this moment: waiting for its lock could deadlock with another
    worker that makes cases due.
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
