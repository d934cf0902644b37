"""A POST that is repeated with its key: it gets the first answer, and is worked on once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from recover.integrations import api_tokens, idempotency_keys
from recover.integrations.idempotency_keys import (
    ABANDONED_AFTER,
    KEPT_FOR,
    FirstAnswer,
    begin,
    fingerprint,
    finish,
    forget,
)
from recover.models import IdempotentAnswer

pytestmark = pytest.mark.both_databases  # an insert that meets a duplicate

SAME = fingerprint("POST", "/api/v1/cases/case_1/retry", b"{}")
MOMENT = timedelta(seconds=1)


@pytest.fixture
def token(services, company):
    return made(services, company)


def made(services, company):
    row, _ = api_tokens.create(
        services,
        company.id,
        name="Billing",
        livemode=False,
        scopes=["cases:write"],
        actor="user:1",
    )
    return row.id


def later(clock, span):
    clock.advance(seconds=span.total_seconds())


def test_the_first_goes_on_and_a_repeat_gets_its_answer(services, token):
    assert begin(services, token, "key", SAME) is None
    finish(services, token, "key", 201, '{"id": "case_1"}')

    assert begin(services, token, "key", SAME) == FirstAnswer(201, '{"id": "case_1"}')


def test_a_repeat_while_the_first_is_worked_on_says_so(services, token):
    begin(services, token, "key", SAME)

    assert begin(services, token, "key", SAME) == FirstAnswer(under_way=True)


@pytest.mark.parametrize(
    "other",
    [
        fingerprint("PATCH", "/api/v1/cases/case_1/retry", b"{}"),
        fingerprint("POST", "/api/v1/cases/case_2/retry", b"{}"),
        fingerprint("POST", "/api/v1/cases/case_1/retry", b'{"a": 1}'),
    ],
)
def test_a_key_that_comes_with_another_request_says_so(services, token, other):
    begin(services, token, "key", SAME)
    finish(services, token, "key", 200, "{}")

    assert begin(services, token, "key", other) == FirstAnswer(differs=True)


def test_a_fault_of_ours_is_forgotten_so_that_a_repeat_may_help(services, token):
    begin(services, token, "key", SAME)
    finish(services, token, "key", 503, "{}")

    assert begin(services, token, "key", SAME) is None


def test_a_refusal_is_kept_like_any_answer(services, token):
    begin(services, token, "key", SAME)
    finish(services, token, "key", 422, '{"detail": "no"}')

    assert begin(services, token, "key", SAME) == FirstAnswer(422, '{"detail": "no"}')


def test_a_worker_that_died_holds_the_key_for_two_minutes(services, clock, token):
    begin(services, token, "key", SAME)
    later(clock, ABANDONED_AFTER - MOMENT)
    assert begin(services, token, "key", SAME) == FirstAnswer(under_way=True)
    later(clock, MOMENT)
    assert begin(services, token, "key", SAME) is None


def test_after_a_day_a_key_is_new_again_and_its_answer_is_deleted(services, clock, token):
    for key in ("asked again", "never asked again"):
        begin(services, token, key, SAME)
        finish(services, token, key, 200, "{}")
    later(clock, KEPT_FOR - MOMENT)
    assert forget(services) == 0
    later(clock, MOMENT)

    assert begin(services, token, "asked again", SAME) is None
    assert forget(services) == 1


def test_two_tokens_may_use_the_same_key(services, company, token):
    begin(services, token, "key", SAME)

    assert begin(services, made(services, company), "key", SAME) is None


def test_an_answer_is_stored_sealed(services, token):
    """The answer to a new endpoint holds its signing secret."""
    begin(services, token, "key", SAME)
    finish(services, token, "key", 201, '{"secret": "rcv_whsec_recognisable"}')

    with services.db.read() as session:
        [row] = session.scalars(select(IdempotentAnswer))
    assert "recognisable" not in row.body_sealed
    assert idempotency_keys.begin(services, token, "key", SAME).body.endswith('recognisable"}')
