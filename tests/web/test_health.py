"""The address a load balancer asks."""

from __future__ import annotations

import dataclasses

import pytest

from app import create_app
from recover.foundation.database import Database
from recover.services import JobQueue

pytestmark = pytest.mark.both_databases  # a database that is away


def test_all_is_well(services):
    answer = create_app(services).test_client().get("/health")
    assert answer.status_code == 200
    assert answer.json == {"database": "ok", "redis": "ok"}


def test_without_redis_it_still_serves(services):
    jobs = JobQueue("redis://127.0.0.1:9/0")
    answer = create_app(dataclasses.replace(services, enqueue=jobs)).test_client().get("/health")
    assert answer.status_code == 200
    assert answer.json == {"database": "ok", "redis": "away"}
    jobs.redis.close()


def test_without_the_database_it_does_not(services, tmp_path):
    nowhere = Database.connect(f"sqlite:///{tmp_path}/no/such/folder/recover.db")
    answer = create_app(dataclasses.replace(services, db=nowhere)).test_client().get("/health")
    assert answer.status_code == 503
    assert answer.json == {"database": "away", "redis": "ok"}
    nowhere.engine.dispose()
