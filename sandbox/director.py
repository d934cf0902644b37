"""Moves a whole rehearsal through time: the sandbox, the mailbox, the people and the product.

Time stands still while anything is under way: webhooks are delivered, RQ's queues are empty, every
worker waits for a job, and nothing in the database is due. Then the clock jumps to the next thing
that will happen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from redis import Redis
from rq import Queue
from sqlalchemy import func, select

from recover.dunning import CaseState
from recover.foundation.database import Database
from recover.models import (
    Ending,
    EndingStatus,
    EventStatus,
    Message,
    MessageStatus,
    RecoveryCase,
    StripeEvent,
)
from sandbox.sandbox import Sandbox

QUEUES = ("steps", "chores")
PATIENCE = 60.0  # real seconds without any progress before a rehearsal gives up
NAP = 0.008
MAX_ROUNDS = 500  # of settling at one moment; more means that two sides keep waking each other


class Actors(Protocol):
    """Who acts by themselves: reads mail, opens pages."""

    def next_at(self) -> datetime | None: ...
    def act(self, now: datetime) -> int: ...


class Stuck(RuntimeError):
    """The rehearsal makes no progress: a fault in the product or in the pretend world."""


class Director:
    def __init__(
        self, sandbox: Sandbox, database: Database, redis: Redis, people: Actors | None = None
    ) -> None:
        self.grain = timedelta(minutes=30)  # what happens within it happens together
        self.sandbox = sandbox
        self.database = database
        self.redis = redis
        self.people = people
        self.steps = Queue("steps", connection=redis)
        self.chores = Queue("chores", connection=redis)
        self._scanned_on = sandbox.clock.now().date()

    def run(self, until: datetime, on_moment: Callable[[datetime], None] | None = None) -> None:
        """Play everything up to ``until``, then stand still there."""
        self.settle()
        while (moment := self._next_moment()) is not None and moment <= until:
            target = min(_round_up(moment, self.grain), until)
            self.sandbox.advance_to(max(target, self.sandbox.clock.now()))
            self._ring_daily()
            self.settle()
            if on_moment:
                on_moment(moment)
        self.sandbox.advance_to(until)
        self.settle()

    def settle(self) -> None:
        """Let everything that is due at this moment happen."""
        for _ in range(MAX_ROUNDS):
            now = self.sandbox.clock.now()
            moved = self.sandbox.deliver_due()
            moved += self._ring(now)
            self.wait_until_idle()
            moved += self.people.act(now) if self.people else 0
            if not moved:
                return
        raise Stuck(f"two sides keep waking each other at {self.sandbox.clock.now()}")

    def wait_until_idle(self) -> None:
        """Return when no job waits or runs."""
        last_change, last_seen = time.monotonic(), None
        while any(seen := self._under_way()):
            if seen != last_seen:
                last_change, last_seen = time.monotonic(), seen
            if time.monotonic() - last_change > PATIENCE:
                waiting, busy = seen
                raise Stuck(
                    f"{waiting} jobs wait and {busy} workers make no progress"
                    f" at {self.sandbox.clock.now()}"
                )
            time.sleep(NAP)

    def _under_way(self) -> tuple[int, int]:
        """Jobs that wait and workers that are busy, counted at one instant.

        Redis knows it better than RQ's own books, which name a job only some time after a worker
        took it, and go on naming it when that worker is killed. A worker listens on a channel as
        long as it lives, and its other connection is blocked as long as it has nothing to do.
        """
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.llen(self.steps.key)
            pipe.llen(self.chores.key)
            pipe.info("clients")
            steps, chores, clients = pipe.execute()
        return steps + chores, max(0, clients["pubsub_clients"] - clients["blocked_clients"])

    def _ring(self, now: datetime) -> int:
        """Queue what the database says is due, as the product's own clock does."""
        due = {
            "recover.entrypoints.jobs.drain_inbox": self._count_due(
                StripeEvent.due_at, StripeEvent.status == "received", now
            ),
            "recover.entrypoints.jobs.run_due": self._count_due(
                RecoveryCase.next_step_at, RecoveryCase.state == CaseState.OPEN, now
            ),
            "recover.entrypoints.jobs.send_messages": self._count_due(
                Message.due_at,
                Message.status.in_((MessageStatus.PENDING, MessageStatus.SENDING)),
                now,
            ),
            "recover.entrypoints.jobs.end_dunning": self._count_due(
                Ending.due_at, Ending.status.in_((EndingStatus.PENDING, EndingStatus.BEGUN)), now
            ),
        }
        for job, count in due.items():
            if count:
                self.steps.enqueue(job, result_ttl=0)
        return sum(due.values())

    def _count_due(self, column: object, condition: object, now: datetime) -> int:
        query = select(func.count()).where(condition, column <= now)  # type: ignore[operator,arg-type]
        with self.database.read() as session:
            return session.scalar(query) or 0

    def _next_moment(self) -> datetime | None:
        moments = [self.sandbox.next_event_at(), self.people.next_at() if self.people else None]
        pointers = (
            select(func.min(RecoveryCase.next_step_at)).where(RecoveryCase.state == CaseState.OPEN),
            select(func.min(Message.due_at)).where(
                Message.status.in_((MessageStatus.PENDING, MessageStatus.SENDING))
            ),
            select(func.min(StripeEvent.due_at)).where(StripeEvent.status == EventStatus.RECEIVED),
            select(func.min(Ending.due_at)).where(
                Ending.status.in_((EndingStatus.PENDING, EndingStatus.BEGUN))
            ),
        )
        with self.database.read() as session:
            moments += [session.scalar(pointer) for pointer in pointers]
        return min((moment for moment in moments if moment), default=None)

    def _ring_daily(self) -> None:
        """The product's clock counts real hours; a rehearsal's days pass in seconds."""
        today = self.sandbox.clock.now().date()
        if today > self._scanned_on:
            self._scanned_on = today
            self.chores.enqueue("recover.entrypoints.jobs.scan_all", result_ttl=0)
            self.chores.enqueue("recover.entrypoints.jobs.reconcile_all", result_ttl=0)
            self.chores.enqueue("recover.entrypoints.jobs.learn_all", result_ttl=0)


def _round_up(moment: datetime, grain: timedelta) -> datetime:
    """A month has few enough moments to play when those close together are played as one."""
    past = timedelta(seconds=moment.timestamp() % grain.total_seconds())
    return moment + grain - past if past else moment
