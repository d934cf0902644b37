"""The turnstile in front of the pretend Stripe, asked as the product and as the company ask."""

from __future__ import annotations

import pytest
import requests

from sandbox.api import create_stripe
from sandbox.sandbox import Sandbox
from sandbox.server import serve
from sandbox.turnstile import Turnstile


class Street:
    def __init__(self, sandbox, url, turnstile):
        self.sandbox, self.url, self.turnstile = sandbox, url, turnstile

    def ask(self, path, key):
        headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
        return requests.get(self.url + path, headers=headers, timeout=10)

    def product(self, path="/v1/account"):
        return self.ask(path, self.sandbox.restricted_key)

    def company(self, path="/v1/account"):
        return self.ask(path, self.sandbox.account_key)


@pytest.fixture
def street():
    turnstile, sandbox = Turnstile(), Sandbox("calm")
    running = serve(turnstile.wrap(create_stripe(sandbox)))
    yield Street(sandbox, running.url, turnstile)
    running.stop()
    sandbox.close()


def test_it_looks_on_once_it_knows_the_time_and_tells_the_product_from_the_company(street):
    street.product()
    street.turnstile.now = street.sandbox.clock.now
    street.product()
    street.company()

    assert [(one.path, one.by_product) for one in street.turnstile.asked] == [
        ("/v1/account", True),
        ("/v1/account", False),
    ]


def test_what_is_refused_is_refused_to_the_product_alone(street):
    street.turnstile.now = street.sandbox.clock.now
    street.turnstile.refuse("/v1/account", "amount_too_small")

    refused = street.product()

    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "amount_too_small"
    assert street.company().ok


def test_a_refusal_without_a_code_is_a_proxys_page(street):
    street.turnstile.now = street.sandbox.clock.now
    street.turnstile.refuse("/v1/account", "", 404)

    page = street.product()

    assert page.status_code == 404
    assert page.headers["Content-Type"] == "text/html"


def test_something_happens_while_a_request_waits_and_only_once(street):
    street.turnstile.now = street.sandbox.clock.now
    seen = []
    street.turnstile.meet(2, lambda: seen.append(street.company().status_code))

    street.product()
    assert seen == []
    assert street.product().ok
    street.product()

    assert seen == [200]
    assert street.turnstile.part() is False


def test_what_did_not_happen_is_forgotten(street):
    street.turnstile.now = street.sandbox.clock.now
    seen = []
    street.turnstile.meet(2, lambda: seen.append("late"))
    street.product()

    assert street.turnstile.part() is True
    street.product()

    assert seen == []
