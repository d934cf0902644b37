"""The inbox of Stripe's events: drained in batches, with one call for each object.

A batch is a number of objects with all due events about them, because ten events about one invoice
need only one look at it. A handler runs once for its object, with no transaction open; then all its
events are marked as done. While a drain holds an event, its due time lies ahead, so the events of a
killed worker fall due again.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from recover.accounts import connections
from recover.foundation.errors import StripeAccessLost, TransientError
from recover.models import Account, EventStatus, StripeEvent
from recover.services import Services
from webhooks.error_text import failure_text
from webhooks.handlers import ROUTES, Handler

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
MAX_FAILURES = 5  # then the events are parked, for a person to look at
FAILURE_WAIT = timedelta(minutes=1)  # after the first; four times as long after each further one
# Where Stripe or the database is away: wait as long as the event is old, within these bounds.
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=15), timedelta(minutes=15)
# Events of an account for which Stripe is away wait this long without having been handled.
SKIPPED_WAIT = timedelta(seconds=30)
IDS_IN_ONE_UPDATE = 5_000  # databases limit the parameters of a statement
# Errors that are no fault of the event, and not counted. A key that Stripe refuses can be replaced.
AWAY = (TransientError, StripeAccessLost, OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Drained:
    """Counts of events: handled, parked, and due but still waiting when the drain ended."""

    done: int = 0
    parked: int = 0
    left: int = 0


class Claimed(NamedTuple):
    """The columns of an event that draining needs."""

    id: int
    account_id: int
    type: str
    object_id: str
    failures: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """The events of one batch that one call answers. ``failures`` is the most of any of them."""

    account_id: int
    handler: Handler | None  # None: a type that is no longer handled
    key: str
    event_ids: tuple[int, ...]
    failures: int
    received_at: datetime  # the oldest


def drain(
    services: Services, limit: int = 100, budget: timedelta = timedelta(minutes=2)
) -> Drained:
    """Handle what is due, ``limit`` objects at a time, until nothing is or ``budget`` is used up.

    Several workers may drain at once. A handler's error stays here: it is logged and stored.
    """
    # Before anything is claimed, so that an event stored from here on gets a drain of its own.
    services.enqueue.allow_again("drain_inbox")
    deadline = time.monotonic() + budget.total_seconds()
    done = parked = 0
    while time.monotonic() < deadline and (batch := claim(services, limit)):
        drained = _handle_batch(services, batch, deadline)
        done, parked = done + drained.done, parked + drained.parked
    return Drained(done, parked, _count_due(services))


def claim(services: Services, limit: int) -> list[Group]:
    """Lease every due event about up to ``limit`` objects, the longest waiting first."""
    now = services.now()
    due = (StripeEvent.status == EventStatus.RECEIVED, StripeEvent.due_at <= now)
    subject = (StripeEvent.account_id, StripeEvent.object_id)
    subjects = (
        select(*subject)
        .where(*due)
        .group_by(*subject)
        .order_by(func.min(StripeEvent.due_at), func.min(StripeEvent.id))
        .limit(limit)
    )
    ids = (
        select(StripeEvent.id)
        .where(*due, tuple_(*subject).in_(subjects))
        .with_for_update(skip_locked=True)
    )
    lease = (
        update(StripeEvent)
        .where(StripeEvent.id.in_(ids))
        .values(due_at=now + LEASE)
        .returning(*(getattr(StripeEvent, column) for column in Claimed._fields))
        .execution_options(synchronize_session=False)
    )
    with services.db.begin() as session:
        return _fold([Claimed(*row) for row in session.execute(lease)])


def _fold(events: Sequence[Claimed]) -> list[Group]:
    """The events in groups with the same handler and object, in the order of arrival."""
    folded: dict[tuple[int, Handler | None, str], list[Claimed]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.id):
        route = ROUTES.get(event.type)
        folded[event.account_id, route.handler if route else None, event.object_id].append(event)
    return [
        Group(
            account_id,
            handler,
            key,
            event_ids=tuple(event.id for event in members),
            failures=max(event.failures for event in members),
            received_at=min(event.received_at for event in members),
        )
        for (account_id, handler, key), members in folded.items()
    ]


def _handle_batch(services: Services, batch: Sequence[Group], deadline: float) -> Drained:
    """Run each group's handler. Groups left when the time is up are due again at once."""
    owners = _owners(services, batch)
    done = parked = 0
    away: set[int] = set()  # accounts for which Stripe did not answer; it is not asked again
    for group in batch:
        if time.monotonic() >= deadline:
            _mark(services, group, due_at=services.now())
        elif group.account_id in away:
            _mark(services, group, due_at=services.now() + SKIPPED_WAIT)
        else:
            try:
                _handle(services, owners[group.account_id], group)
            except AWAY as error:
                away.add(group.account_id)
                _put_off(services, group, error)
            except Exception as error:  # noqa: BLE001 - a bad event must not stop the others
                parked += _fail(services, group, error)
            else:
                done += len(group.event_ids)
    return Drained(done, parked)


def _handle(services: Services, account: Account, group: Group) -> None:
    """Call the handler and mark the events as done. Those of a disconnected account are dropped."""
    if group.handler and not account.disconnected_at:
        group.handler(services, account, group.key)
    _mark(services, group, status=EventStatus.DONE, handled_at=services.now(), error="")


def _put_off(services: Services, group: Group, error: Exception) -> None:
    """Put events off that are not at fault, for longer each time."""
    now = services.now()
    wait = min(max(now - group.received_at, SHORTEST_WAIT), LONGEST_WAIT)
    wished = timedelta(seconds=getattr(error, "retry_after", None) or 0)
    _mark(services, group, due_at=now + max(wait, wished))
    if isinstance(error, StripeAccessLost):
        connections.note_trouble(services, group.account_id, str(error))
    log.warning("events of account %s wait: %s", group.account_id, failure_text(error))


def _fail(services: Services, group: Group, error: Exception) -> int:
    """Count a failure of the group. How many events were parked by it."""
    failures, text = group.failures + 1, failure_text(error)
    parks = failures >= MAX_FAILURES
    _mark(
        services,
        group,
        failures=failures,
        error=text,
        status=EventStatus.PARKED if parks else EventStatus.RECEIVED,
        due_at=services.now() + FAILURE_WAIT * 4**group.failures,
    )
    log.error("%s of account %s: failure %s: %s", group.key, group.account_id, failures, text)
    return len(group.event_ids) if parks else 0


def _mark(services: Services, group: Group, **values: object) -> None:
    ids = group.event_ids
    with services.db.begin() as session:
        for start in range(0, len(ids), IDS_IN_ONE_UPDATE):
            in_chunk = StripeEvent.id.in_(ids[start : start + IDS_IN_ONE_UPDATE])
            session.execute(
                update(StripeEvent).where(in_chunk).values(**values),
                execution_options={"synchronize_session": False},
            )


def _owners(services: Services, batch: Sequence[Group]) -> dict[int, Account]:
    ids = {group.account_id for group in batch}
    with services.db.read() as session:
        owners = session.scalars(select(Account).where(Account.id.in_(ids)))
        return {owner.id: owner for owner in owners}


def _count_due(services: Services) -> int:
    query = select(func.count(StripeEvent.id)).where(
        StripeEvent.status == EventStatus.RECEIVED, StripeEvent.due_at <= services.now()
    )
    with services.db.read() as session:
        return session.scalar(query) or 0


def parked(
    session: Session, *, account_id: int | None = None, limit: int = 100
) -> list[StripeEvent]:
    """Events that failed too often, the latest first, each with its error."""
    query = select(StripeEvent).where(StripeEvent.status == EventStatus.PARKED)
    if account_id is not None:
        query = query.where(StripeEvent.account_id == account_id)
    return list(session.scalars(query.order_by(StripeEvent.id.desc()).limit(limit)))


def replay(services: Services, ids: Sequence[int] | None = None) -> int:
    """Put parked events (by row id; None: all) back as if they had just come. How many."""
    query = update(StripeEvent).where(StripeEvent.status == EventStatus.PARKED)
    if ids is not None:
        query = query.where(StripeEvent.id.in_(ids))
    again = query.values(status=EventStatus.RECEIVED, failures=0, error="", due_at=services.now())
    with services.db.begin() as session:
        found = session.execute(again.returning(StripeEvent.id)).all()
    if found:
        services.enqueue("drain_inbox")
    return len(found)


def forget(services: Services, older_than: timedelta = timedelta(days=60)) -> int:
    """Delete events handled long ago; Stripe repeats none after 30 days. How many."""
    old = delete(StripeEvent).where(
        StripeEvent.status == EventStatus.DONE,
        StripeEvent.received_at < services.now() - older_than,
    )
    with services.db.begin() as session:
        return len(session.execute(old.returning(StripeEvent.id)).all())
