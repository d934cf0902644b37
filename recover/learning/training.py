"""Every night each account's model is fitted anew to all its outcomes; every version is kept.

A version that goes too far, or that predicts the held-out cases worse, is refused and never used.
A person can go back to any former version; then nights go on learning, but change nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from recover.cases.lifecycle import plan_anew
from recover.compliance import audit_log
from recover.dunning import campaign
from recover.dunning.engine import Engine, FitResult, Model, differences, pool, refit
from recover.foundation.errors import PermanentError
from recover.learning import timing_in_force, training_data
from recover.models import Account, AccountEvidence, RetryModel
from recover.services import Services

log = logging.getLogger(__name__)


def learn(services: Services, account: Account) -> RetryModel | None:
    """Fit the account's model to all its outcomes. The new row, or None where nothing changed.

    The same outcomes give the same model however often this runs.
    """
    steps, now = campaign(account.campaign_key, account.campaign_version), services.now()
    with services.db.read() as session:
        told = list(training_data.outcomes(session, account, now, steps.window))
        prior = _prior(session, account)
        in_use = timing_in_force.engine_of(session, account)
    own = refit(timing_in_force.SHIPPED.model, told, window=steps.window)
    found = refit(prior, told, in_use.model, steps.window) if told else _without_outcomes(prior)
    row = _as_model(account, found, services)
    with services.db.begin() as session:
        current = session.get_one(Account, account.id, with_for_update=True)
        if own.accepted:  # else what was taught before still counts for the others
            body = own.model.to_json()
            session.merge(AccountEvidence(account_id=account.id, body=body, made_at=now))
        if _says_nothing(found, in_use) or _repeats(session, row, in_use):
            return None
        session.add(row)
        session.flush()
        audit_log.write(
            session,
            "learn",
            found.reason,
            services.now(),
            audit_log.Subject(f"model:{row.id}", account_id=account.id),
            actor=audit_log.RECOVER,
        )
        if found.accepted and not current.model_pinned:
            current.model_id = row.id
    log.info("account %s: %s", account.id, found.reason)
    return row


def _prior(session: Session, account: Account) -> Model:
    """What the installation's other accounts taught, held only as firmly as the shipped prior."""
    query = select(AccountEvidence.body).where(AccountEvidence.account_id != account.id)
    others = [Model.from_json(body)[0] for body in session.scalars(query)]
    taught = [model for model in others if model.seen]
    return pool(taught).for_account() if taught else timing_in_force.SHIPPED.model


def _without_outcomes(prior: Model) -> FitResult:
    reason = "No outcome of this account yet: it begins with what the others here have taught."
    return FitResult(prior, accepted=True, reason=reason)


def _says_nothing(found: FitResult, in_use: Engine) -> bool:
    """Nothing was to be learned, or nothing that the version in use does not say already."""
    if not found.accepted:
        return not found.used
    return not in_use.warning and found.model.same_beliefs(in_use.model)


def _repeats(session: Session, row: RetryModel, in_use: Engine) -> bool:
    """The newest version came to the same: of a pinned account, or refused once more.

    Not where the version in use is damaged, for then the same beliefs mend it.
    """
    newest = next(iter(versions(session, row.account_id, 1)), None)
    if newest is None or in_use.warning:
        return False
    told = ("version", "accepted", "reason", "figures")
    return all(getattr(newest, name) == getattr(row, name) for name in told)


def _as_model(account: Account, found: FitResult, services: Services) -> RetryModel:
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


def figures(found: FitResult) -> dict[str, Any]:
    """What a person compares versions by. Losses are nats per held-out try; less is better."""
    return {
        "used": found.used,
        "left_out": found.left_out,
        "held_out": found.held_out,
        "loss_before": found.loss_before,
        "loss_after": found.loss_after,
        "largest": str(found.largest_move) if found.largest_move else "",
    }


def versions(
    session: Session, account_id: int, limit: int = 100, before: int | None = None
) -> Sequence[RetryModel]:
    """The account's versions, newest first, refused ones among them; without their bodies.

    ``before``: only those with a smaller id.
    """
    query = select(RetryModel).where(RetryModel.account_id == account_id)
    if before is not None:
        query = query.where(RetryModel.id < before)
    newest = query.order_by(RetryModel.id.desc()).limit(limit)
    return session.scalars(newest.options(defer(RetryModel.body))).all()


def compare(old: RetryModel | None, new: RetryModel | None) -> list[str]:
    """What two versions believe differently, in sentences, the biggest first.

    None is the shipped prior. Raises PermanentError where one is damaged or was refused: a refused
    one keeps no beliefs.
    """
    return differences(_model(old), _model(new))


def _model(row: RetryModel | None) -> Model:
    if row is None:
        return timing_in_force.SHIPPED.model
    if not row.accepted:
        raise PermanentError(f"Version {row.id} was refused, so there is nothing to compare.")
    model, warning = Model.from_json(row.body)
    if warning:
        raise PermanentError(f"Version {row.version} cannot be compared. {warning}")
    return model


def pin(
    services: Services, account_id: int, model_id: int | None, *, actor: str = audit_log.COMMAND
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
        plan_anew(session, account_id, services.now())


def unpin(services: Services, account_id: int, *, actor: str = audit_log.COMMAND) -> None:
    """Let the nights choose again: the newest accepted version is used from now on."""
    newest = select(RetryModel.id).where(RetryModel.account_id == account_id, RetryModel.accepted)
    with services.db.begin() as session:
        account = session.get_one(Account, account_id)
        account.model_id = session.scalar(newest.order_by(RetryModel.id.desc()).limit(1))
        account.model_pinned = False
        _note(session, services, account, "The nights choose the model again.", actor)
        plan_anew(session, account_id, services.now())


def _note(session: Session, services: Services, account: Account, reason: str, actor: str) -> None:
    audit_log.write(
        session,
        "setting",
        reason,
        services.now(),
        audit_log.Subject("setting:model_id", account_id=account.id),
        actor=actor,
        details={"after": account.model_id},
    )
