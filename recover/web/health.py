"""The health check for load balancers and monitors: whether this process can serve."""

from __future__ import annotations

import logging

from flask import Blueprint
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from recover.services import JobQueue, Services

log = logging.getLogger(__name__)


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    def health() -> tuple[dict[str, str], int]:
        """503 only without the database: without Redis the clock still finds all work."""
        database = _database(services)
        state = {"database": "ok" if database else "away", "redis": _redis(services)}
        return state, 200 if database else 503

    return routes


def _database(services: Services) -> bool:
    try:
        with services.db.read() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        log.error("the database is away: %s", type(error).__name__)  # noqa: TRY400 - no details
        return False
    return True


def _redis(services: Services) -> str:
    jobs = services.enqueue
    if not isinstance(jobs, JobQueue):
        return "unknown"
    return "ok" if jobs.reachable() else "away"
