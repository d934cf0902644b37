"""The API keeps to its own description: called in every way it allows, and in some it does not."""

from __future__ import annotations

import itertools

import pytest
import schemathesis
from api_cast import caller, listen, receiving
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from recover.api import OPERATIONS
from recover.integrations import payloads, webhook_delivery, webhook_endpoints

pytest_plugins = ("web_cast",)

EXAMPLES = 25


@pytest.fixture
def database_url(sqlite_template, tmp_path):
    """One database is enough: the calls are many, and what is checked is above it."""
    path = tmp_path / "recover.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def environ(environ):
    return environ | {"API_CALLS_PER_MINUTE": "1000000"}


@pytest.fixture
def known(scene):
    """Ids that lead somewhere."""
    case = scene.failed("insufficient_funds")
    scene.failed(email="ann@s.test", currency="eur")
    with receiving() as receiver:
        endpoint = listen(scene.services, scene.account, receiver)
        delivery = webhook_endpoints.send_test(scene.services, endpoint)
        webhook_delivery.send_due(scene.services)
    return {
        "case": payloads.public_id(payloads.CASE, case.id),
        "customer": case.stripe_customer_id,
        "endpoint": payloads.public_id(payloads.ENDPOINT, endpoint.id),
        "delivery": payloads.public_id(payloads.DELIVERY, delivery.id),
    }


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_keeps_to_the_description(scene, known, operation, mode):
    """Every other call is about something there is: most made-up ids lead nowhere."""
    described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", scene.app)
    headers = {"Authorization": f"Bearer {caller(scene).token}"}
    turn = itertools.cycle([known, {}])

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=described[operation.path][operation.method].as_strategy(generation_mode=mode))
    def call(case):
        for name, value in next(turn).items():
            if name in (case.path_parameters or {}) and mode == GenerationMode.POSITIVE:
                case.path_parameters[name] = value
        if mode == GenerationMode.POSITIVE and "Idempotency-Key" in (case.headers or {}):
            case.headers["Idempotency-Key"] += f"-{len(keys)}"  # new for each act, as is asked
            keys.append(case.headers["Idempotency-Key"])
        answer = case.call_and_validate(headers=headers)
        statuses.add(answer.status_code)

    statuses, keys = set(), []
    try:
        call()
    except Unsatisfiable:  # nothing about it can be wrong: it takes nothing
        assert mode == GenerationMode.NEGATIVE
        assert not operation.parameters
        return
    if mode == GenerationMode.POSITIVE:
        assert statuses & {200, 201, 202, 204}, statuses
    else:
        assert not statuses & {500}, statuses
