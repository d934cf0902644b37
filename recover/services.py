"""The services that all modules outside the core use: built once a process, by `build`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue

from emails.transport import Mailer
from recover.foundation.clock import Now, file_clock, system_now
from recover.foundation.config import Settings
from recover.foundation.database import Database
from recover.foundation.signed_links import Links
from recover.foundation.vault import Vault
from recover.models import Account, Connection
from recover.stripe_api.gateway import StripeAccount, StripeGateway

log = logging.getLogger(__name__)

# Two queues, so that steps, which are short and due now, never wait for chores, which take minutes.
STEPS, CHORES = "steps", "chores"
# After so long a worker gives a job up. A chore goes over all of an account's invoices: a large one
# takes minutes at Stripe's pace, where RQ's own three would end every comparison half-way.
SECONDS_OF_WORK = {STEPS: 180, CHORES: 7200}
# The module of all jobs, named and not imported, because it imports this one.
JOBS: Final = "recover.entrypoints.jobs"


class JobQueue:
    """Puts jobs on RQ's queues, best effort.

    The database says what is due, so work whose job is lost is done later, by the clock.
    """

    def __init__(self, redis_url: str) -> None:
        self.redis = Redis.from_url(
            redis_url, socket_connect_timeout=0.5, socket_timeout=2, health_check_interval=30
        )
        self._queues = {name: Queue(name, connection=self.redis) for name in (STEPS, CHORES)}

    def __call__(self, job: str, *args: int | str, queue: str = STEPS, once_for: int = 0) -> bool:
        """Enqueue ``job``, a function of `JOBS`. False where Redis is away.

        With ``once_for`` seconds, the same job with the same arguments is queued at most once in
        that time; the job lifts that (`allow_again`) before it looks for work.
        """
        try:
            if once_for and not self.redis.set(queued_key(job, *args), 1, nx=True, ex=once_for):
                return True
            timeout = SECONDS_OF_WORK[queue]
            self._queues[queue].enqueue(job_path(job), args=args, result_ttl=0, job_timeout=timeout)
        except RedisError as error:
            log.warning("redis is away; the clock will pick %s up: %s", job, type(error).__name__)
            return False
        return True

    def count(self, key: str, seconds: int) -> tuple[int, int] | None:
        """Count ``key`` once more in its current span of ``seconds``.

        (count so far, seconds until the span ends); None where Redis is away, so that nobody is
        locked out by that.
        """
        name = f"recover:count:{key}"
        try:
            with self.redis.pipeline() as commands:
                commands.set(name, 0, nx=True, ex=seconds)
                commands.incr(name)
                commands.ttl(name)
                _, count, left = commands.execute()
        except RedisError:
            return None
        return int(count), max(int(left), 0)

    def reachable(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(self.redis.ping())
        except RedisError:
            return False

    def allow_again(self, job: str, *args: int | str) -> None:
        """Let a job be queued again before its ``once_for`` is over."""
        try:
            self.redis.delete(queued_key(job, *args))
        except RedisError:
            log.warning("redis is away; %s can be queued again once its mark expires", job)


@dataclass(frozen=True)
class Services:
    settings: Settings
    db: Database
    gateway: StripeGateway
    vault: Vault
    links: Links
    mailer: Mailer
    now: Now
    enqueue: JobQueue

    def close(self) -> None:
        """Give back every connection."""
        self.db.engine.dispose()
        self.enqueue.redis.close()

    def stripe(self, account: Account) -> StripeAccount:
        """The account's own view of Stripe."""
        if account.connection == Connection.PLATFORM:
            return self.gateway.account(self.settings.stripe_secret_key, account.stripe_account_id)
        return self.gateway.account(self.vault.open(account.secret_key_sealed))


def job_path(job: str) -> str:
    """Where RQ finds the job's function."""
    return f"{JOBS}.{job}"


def queued_key(job: str, *args: int | str) -> str:
    """The Redis key that says a job is queued. "bell" is an older word that running systems use."""
    return ":".join(["recover", "bell", job, *map(str, args)])


def build(settings: Settings) -> Services:
    """Everything for one process. Call it after a fork, not before."""
    return Services(
        settings=settings,
        db=Database.connect(settings.database_url),
        gateway=StripeGateway(settings.stripe_api_base, connect_base=settings.stripe_connect_base),
        vault=Vault(settings.encryption_keys),
        links=Links(settings.secret_keys, settings.base_url),
        mailer=Mailer(settings.smtp_url, helo=urlsplit(settings.base_url).hostname or ""),
        now=file_clock(settings.clock_file) if settings.clock_file else system_now,
        enqueue=JobQueue(settings.redis_url),
    )
