"""The example client, as documented, against a live application."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from api_cast import caller, listen, receiving
from flask import Flask

from recover.integrations import webhook_delivery
from recover.models import Account, RecoveryCase
from sandbox.server import serve

pytest_plugins = ("web_cast",)

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def client():
    spec = importlib.util.spec_from_file_location("client", DOCS / "examples" / "client.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def live(scene):
    running = serve(scene.app)
    yield running.url
    running.stop()


@pytest.fixture
def recover(scene, live, client):
    return client.Recover(live, caller(scene).token)


def test_it_lists_page_by_page_and_retries(scene, recover):
    cases = [scene.failed("insufficient_funds", email=f"s{number}@s.test") for number in range(3)]
    listed = [case["id"] for case in recover.pages("/cases", state="open", limit=2)]
    assert listed == [f"case_{case.id}" for case in reversed(cases)]
    scene.sandbox.script(cases[0].stripe_customer_id, ["approve"])
    assert recover.retry(listed[-1])["outcome"] == "paid"


def test_a_problem_is_raised_with_its_words(recover, client, live):
    with pytest.raises(client.Problem, match="404: There is no case_999") as caught:
        recover.call("GET", "/cases/case_999")
    assert caught.value.content["title"] == "There is nothing here"
    with pytest.raises(client.Problem, match="401"):
        client.Recover(live, "rcv_test_wrong").access("cus_1")


def test_the_decorator_lets_in_who_may_come_and_nobody_is_locked_out_by_an_outage(
    scene, recover, client
):
    case = scene.failed()
    app = Flask("saas")
    asking = [case.stripe_customer_id]

    @app.get("/reports")
    @client.full_access(
        recover, lambda: asking[0], lambda access: (f"Please pay. {access['reason']}", 402)
    )
    def reports():
        return "the reports"

    browser = app.test_client()
    assert browser.get("/reports").text == "the reports"  # in grace
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).grace_days = 0
        session.get_one(RecoveryCase, case.id).paid_until = None
    assert browser.get("/reports").text == "the reports"  # what was known a moment ago
    recover._known.clear()
    refused = browser.get("/reports")
    assert refused.status_code == 402
    assert "Full access ended" in refused.text
    away = client.Recover("http://127.0.0.1:9", "rcv_test_x")
    assert away.access(case.stripe_customer_id)["state"] == "fine"


def test_a_webhook_is_verified(scene, client):
    with receiving() as receiver:
        listen(scene.services, scene.account, receiver)
        scene.failed()
        webhook_delivery.send_due(scene.services)
    [body], [header], [secret] = receiver.bodies, receiver.signatures, receiver.secrets
    now = scene.services.now().timestamp()
    assert client.verified(body, header, secret, now)["type"] == "case.opened"
    wrong = [
        (body + b" ", header, secret, now),
        (body, header, "another", now),
        (body, header, secret, now + 301),
        (body, header.replace("t=", "x="), secret, now),
        (body, "", secret, now),
    ]
    for arguments in wrong:
        with pytest.raises(ValueError, match="signature"):
            client.verified(*arguments)


def test_the_python_in_the_documents_is_python():
    for name in ("api.md", "plugin.md"):
        blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)
        assert blocks
        for block in blocks:
            compile(block, name, "exec")
