"""Nightly training: each account's model is fitted anew to all its outcomes; versions are kept.

A version that moves too far, or that predicts the held-out cases worse, is refused and never used.
A person can pin a former version; training then goes on, but does not change which one is used.
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
    """Fit the account's model to all its outcomes. Returns the new row; None if nothing changed.

    The same outcomes give the same model, however often this runs.
    """
    steps, now = campaign(account.campaign_key, account.campaign_version), services.now()
    with services.db.read() as session:
        outcomes = list(training_data.outcomes(session, account, now, steps.window))
        prior = _prior(session, account)
        in_use = timing_in_force.engine_of(session, account)
    own_fit = refit(timing_in_force.SHIPPED.model, outcomes, window=steps.window)
    fit = refit(prior, outcomes, in_use.model, steps.window) if outcomes else _fit_of_prior(prior)
    row = _as_model(account, fit, services)
    with services.db.begin() as session:
        current = session.get_one(Account, account.id, with_for_update=True)
        if own_fit.accepted:  # if not, the other accounts go on with its last evidence
            body = own_fit.model.to_json()
            session.merge(AccountEvidence(account_id=account.id, body=body, made_at=now))
        if _nothing_new(fit, in_use) or _same_as_newest(session, row, in_use):
            return None
        session.add(row)
        session.flush()
        audit_log.write(
            session,
            "learn",
            fit.reason,
            services.now(),
            audit_log.Subject(f"model:{row.id}", account_id=account.id),
            actor=audit_log.RECOVER,
        )
        if fit.accepted and not current.model_pinned:
            current.model_id = row.id
    log.info("account %s: %s", account.id, fit.reason)
    return row


def _prior(session: Session, account: Account) -> Model:
    """The other accounts' evidence, pooled and held only as firmly as the shipped prior."""
    query = select(AccountEvidence.body).where(AccountEvidence.account_id != account.id)
    others = [Model.from_json(body)[0] for body in session.scalars(query)]
    with_data = [model for model in others if model.seen]
    return pool(with_data).for_account() if with_data else timing_in_force.SHIPPED.model


def _fit_of_prior(prior: Model) -> FitResult:
    reason = "No outcome of this account yet: it begins with what the others here have taught."
    return FitResult(prior, accepted=True, reason=reason)


def _nothing_new(fit: FitResult, in_use: Engine) -> bool:
    """There was no training data, or the version in use has the same beliefs already."""
    if not fit.accepted:
        return not fit.used
    return not in_use.warning and fit.model.same_beliefs(in_use.model)


def _same_as_newest(session: Session, row: RetryModel, in_use: Engine) -> bool:
    """The newest version is the same: not in use because of a pin, or refused once more.

    False if the version in use is damaged, for a row with the same beliefs then replaces it.
    """
    newest = next(iter(versions(session, row.account_id, 1)), None)
    if newest is None or in_use.warning:
        return False
    compared = ("version", "accepted", "reason", "figures")
    return all(getattr(newest, name) == getattr(row, name) for name in compared)


def _as_model(account: Account, fit: FitResult, services: Services) -> RetryModel:
    return RetryModel(
        account_id=account.id,
        version=fit.model.version if fit.accepted else "",
        parent_id=account.model_id,
        body=fit.model.to_json() if fit.accepted else "",
        accepted=fit.accepted,
        reason=fit.reason,
        figures=figures(fit),
        made_at=services.now(),
    )


def figures(fit: FitResult) -> dict[str, Any]:
    """What people compare versions by. Losses are nats per held-out attempt; less is better."""
    return {
        "used": fit.used,
        "left_out": fit.left_out,
        "held_out": fit.held_out,
        "loss_before": fit.loss_before,
        "loss_after": fit.loss_after,
        "largest": str(fit.largest_move) if fit.largest_move else "",
    }


def versions(
    session: Session, account_id: int, limit: int = 100, before: int | None = None
) -> Sequence[RetryModel]:
    """The account's versions, refused ones too, newest first; without their bodies.

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
    return differences(_parsed_model(old), _parsed_model(new))


def _parsed_model(row: RetryModel | None) -> Model:
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
    """Use one version, None for the shipped prior, until `unpin`.

    Every open case is planned anew. Raises PermanentError if the account has no such version, or
    if it was refused.
    """
    with services.db.begin() as session:
        if model_id is not None:
            row = session.get(RetryModel, model_id)
            if row is None or row.account_id != account_id or not row.accepted:
                raise PermanentError(f"Account {account_id} has no version {model_id} to use.")
        account = session.get_one(Account, account_id)
        account.model_id, account.model_pinned = model_id, True
        reason = "A version of the model was chosen, and nights change nothing any more."
        _note_choice(session, services, account, reason, actor)
        plan_anew(session, account_id, services.now())


def unpin(services: Services, account_id: int, *, actor: str = audit_log.COMMAND) -> None:
    """Use the newest accepted version, and from now on each one that nightly training accepts."""
    newest = select(RetryModel.id).where(RetryModel.account_id == account_id, RetryModel.accepted)
    with services.db.begin() as session:
        account = session.get_one(Account, account_id)
        account.model_id = session.scalar(newest.order_by(RetryModel.id.desc()).limit(1))
        account.model_pinned = False
        _note_choice(session, services, account, "The nights choose the model again.", actor)
        plan_anew(session, account_id, services.now())


def _note_choice(
    session: Session, services: Services, account: Account, reason: str, actor: str
) -> None:
    audit_log.write(
        session,
        "setting",
        reason,
        services.now(),
        audit_log.Subject("setting:model_id", account_id=account.id),
        actor=actor,
        details={"after": account.model_id},
    )
