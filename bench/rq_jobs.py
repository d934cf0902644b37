"""How many jobs that do nothing one RQ worker runs in a second."""

from __future__ import annotations

import subprocess
import sys

from redis import Redis
from rq import Queue
from rq.job import Job

QUEUE = "bench"


def nothing() -> None:
    """The job."""


def jobs_per_second(redis_url: str, worker_class: str, count: int) -> float:
    """From the first job's start to the last one's end, as RQ itself wrote them down."""
    with Redis.from_url(redis_url) as redis:
        queue = Queue(QUEUE, connection=redis)
        jobs = [queue.enqueue(nothing) for _ in range(count)]
        command = ["-m", "rq.cli", "worker", "--url", redis_url, "--burst", "--quiet"]
        subprocess.run(
            [sys.executable, *command, "--worker-class", worker_class, QUEUE], check=True
        )
        done = Job.fetch_many([job.id for job in jobs], connection=redis)
        started = [job.started_at for job in done if job and job.started_at]
        ended = [job.ended_at for job in done if job and job.ended_at]
        if len(ended) != count:
            raise RuntimeError(f"{count - len(ended)} jobs did not run")
        return count / (max(ended) - min(started)).total_seconds()
