"""Every night each account's model is fitted anew to all its outcomes; every version is kept.

A version that goes too far, or that predicts the held-out cases worse, is refused and never used.
A person can go back to any former version; then nights go on learning, but change nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover import accounts, lessons, record, timings
from recover.dunning import campaign
from recover.dunning.engine import Learned, Model, differences, pool, refit
from recover.errors import PermanentError
from recover.models import Account, AccountLesson, RetryModel
from recover.services import Services

log = logging.getLogger(__name__)


def learn(services: Services, account: Account) -> RetryModel | None:
    """Fit the account's model to all its outcomes. The new row, or None where nothing changed.

    The same outcomes give the same model however often this runs.
    """
    steps, now = campaign(account.campaign_key, account.campaign_version), services.now()
    with services.db.read() as session:
        told = list(lessons.outcomes(session, account, now, steps.window))
        prior = _prior(session, account)
        in_use = timings.engine_of(session, account).model
    own = refit(timings.SHIPPED.model, told, window=steps.window).model
    found = refit(prior, told, in_use, steps.window) if told else _without_outcomes(prior)
    unchanged = found.accepted and found.model.same_beliefs(in_use)
    with services.db.begin() as session:
        session.merge(AccountLesson(account_id=account.id, body=own.to_json(), made_at=now))
        if unchanged or (not found.accepted and not told):
            return None
        row = _row(account, found, services)
        session.add(row)
        session.flush()
        record.write(
            session, "learn", found.reason, services.now(), actor=record.RECOVER,
            about=f"model:{row.id}", account_id=account.id,
        )  # fmt: skip
        current = session.get_one(Account, account.id)
        if found.accepted and not current.model_pinned:
            current.model_id = row.id
    log.info("account %s: %s", account.id, found.reason)
    return row


def _prior(session: Session, account: Account) -> Model:
    """What the installation's other accounts taught, held only as firmly as the shipped prior."""
    query = select(AccountLesson.body).where(AccountLesson.account_id != account.id)
    others = [Model.from_json(body)[0] for body in session.scalars(query)]
    taught = [model for model in others if model.seen]
    return pool(taught).for_account() if taught else timings.SHIPPED.model


def _without_outcomes(prior: Model) -> Learned:
    reason = "No outcome of this account yet: it begins with what the others here have taught."
    return Learned(prior, accepted=True, reason=reason)


def _row(account: Account, found: Learned, services: Services) -> RetryModel:
    return RetryModel(
        account_id=account.id,
        version=found.model.version if found.accepted else "",
        parent_id=account.model_id,
        body=found.model.to_json() if found.accepted else "",
        accepted=found.accepted,
        reason=found.reason,
        figures=figures(found),
        made_at=services.now(),
    )


def figures(found: Learned) -> dict[str, Any]:
    """What a person compares versions by. Losses are nats per held-out try; less is better."""
    return {
        "used": found.used,
        "left_out": found.left_out,
        "held_out": found.held_out,
        "loss_before": found.loss_before,
        "loss_after": found.loss_after,
        "largest": str(found.largest) if found.largest else "",
    }


def versions(session: Session, account_id: int, limit: int = 100) -> Sequence[RetryModel]:
    """The account's versions, newest first, refused ones among them."""
    query = select(RetryModel).where(RetryModel.account_id == account_id)
    return session.scalars(query.order_by(RetryModel.id.desc()).limit(limit)).all()


def compare(old: RetryModel | None, new: RetryModel) -> list[str]:
    """What two versions believe differently, in sentences, the biggest first."""
    before = Model.from_json(old.body)[0] if old else timings.SHIPPED.model
    return differences(before, Model.from_json(new.body)[0])


def use(
    services: Services, account_id: int, model_id: int | None, *, actor: str = record.COMMAND
) -> None:
    """Go back to (or on to) one version, None for the shipped prior, and stay with it.

    Every open case is planned anew. Raises PermanentError where the account has no such version
    or where it was refused.
    """
    with services.db.begin() as session:
        if model_id is not None:
            row = session.get(RetryModel, model_id)
            if row is None or row.account_id != account_id or not row.accepted:
                raise PermanentError(f"Account {account_id} has no version {model_id} to use.")
        account = session.get_one(Account, account_id)
        account.model_id, account.model_pinned = model_id, True
        reason = "A version of the model was chosen, and nights change nothing any more."
        _note(session, services, account, reason, actor)
        accounts.plan_anew(session, account_id, services.now())


def follow(services: Services, account_id: int, *, actor: str = record.COMMAND) -> None:
    """Let the nights choose again: the newest accepted version is used from now on."""
    newest = select(RetryModel.id).where(RetryModel.account_id == account_id, RetryModel.accepted)
    with services.db.begin() as session:
        account = session.get_one(Account, account_id)
        account.model_id = session.scalar(newest.order_by(RetryModel.id.desc()).limit(1))
        account.model_pinned = False
        _note(session, services, account, "The nights choose the model again.", actor)
        accounts.plan_anew(session, account_id, services.now())


def _note(session: Session, services: Services, account: Account, reason: str, actor: str) -> None:
    record.write(
        session, "setting", reason, services.now(), actor=actor, about="setting:model_id",
        account_id=account.id, details={"after": account.model_id},
    )  # fmt: skip
