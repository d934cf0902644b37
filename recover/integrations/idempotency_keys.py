"""Idempotency keys: a POST that is repeated with its key gets the first answer, for a day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import delete, select

from recover.models import IdempotentAnswer
from recover.services import Services

MAX_KEY_LENGTH = 255
KEPT_FOR = timedelta(hours=24)
ABANDONED_AFTER = timedelta(minutes=2)  # then the worker on the first request is taken for dead


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """The answer to the first request; or why there is none.

    ``differs``: the key came with another request; ``under_way``: the first is not finished.
    """

    status: int = 0
    body: str = ""
    differs: bool = False
    under_way: bool = False


def fingerprint(method: str, path: str, body: bytes) -> str:
    return sha256(json.dumps([method, path, body.decode(errors="replace")]).encode()).hexdigest()


def begin(services: Services, token_id: int, key: str, request_hash: str) -> FirstAnswer | None:
    """None if this request is the first with its key: handle it, then call `finish`.

    Otherwise what became of the first one.
    """
    now = services.now()
    same = IdempotentAnswer.token_id == token_id, IdempotentAnswer.key == key
    stale = (IdempotentAnswer.created_at <= now - KEPT_FOR) | (
        (IdempotentAnswer.status == 0) & (IdempotentAnswer.created_at <= now - ABANDONED_AFTER)
    )
    insert = services.db.insert_ignoring_duplicates(IdempotentAnswer.__table__).values(
        token_id=token_id, key=key, request_hash=request_hash, created_at=now
    )
    with services.db.begin() as session:
        session.execute(delete(IdempotentAnswer).where(*same, stale))
        if session.execute(insert.returning(IdempotentAnswer.id)).scalar() is not None:
            return None
        row = session.scalars(select(IdempotentAnswer).where(*same)).one()
    if row.request_hash != request_hash:
        return FirstAnswer(differs=True)
    return FirstAnswer(row.status, services.vault.open(row.body_sealed), under_way=row.status == 0)


def finish(services: Services, token_id: int, key: str, status: int, body: str) -> None:
    """Store the answer; after a 5xx (our fault or Stripe's) forget the key: a repeat may help."""
    same = IdempotentAnswer.token_id == token_id, IdempotentAnswer.key == key
    with services.db.begin() as session:
        if status >= 500:  # noqa: PLR2004 - HTTP's own bound
            session.execute(delete(IdempotentAnswer).where(*same))
            return
        row = session.scalars(select(IdempotentAnswer).where(*same)).one_or_none()
        if row:
            row.status, row.body_sealed = status, services.vault.seal(body)  # it may hold a secret


def forget(services: Services) -> int:
    """Delete answers older than `KEPT_FOR`. Returns how many."""
    old = IdempotentAnswer.created_at <= services.now() - KEPT_FOR
    with services.db.begin() as session:
        gone = session.execute(delete(IdempotentAnswer).where(old).returning(IdempotentAnswer.id))
        return len(gone.all())
