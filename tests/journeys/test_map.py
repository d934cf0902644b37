"""docs/map.md is what really happens: each journey is taken, and its functions are called."""

from __future__ import annotations

import re
from pathlib import Path

from call_trace import Trace, traced

from recover.entrypoints import jobs
from sandbox.visitor import forms_of

pytest_plugins = ("web_cast",)

MAP = (Path(__file__).parents[2] / "docs" / "map.md").read_text(encoding="utf-8")
GROUND = {"recover.foundation", "recover.models", "recover.services"}  # under every step


def drawn(title: str) -> list[str]:
    """The functions that the map lists for a journey, as dotted names."""
    section = MAP.split(f"### {title}\n", 1)[1].split("\n#", 1)[0]
    found = re.findall(r"^\d+\. `([\w.]+)`", section, re.MULTILINE)
    return [one if one.startswith(("webhooks.", "emails.")) else f"recover.{one}" for one in found]


def package(function: str) -> str:
    return ".".join(function.split(".")[: 2 if function.startswith("recover.") else 1])


def assert_drawn(title: str, trace: Trace) -> None:
    """Every function of the map is called, in its order, and no package is passed unnamed."""
    listed = drawn(title)
    passed = [function for function in trace.functions if function in listed]
    assert passed == listed
    assert {package(one) for one in trace.functions} - GROUND == {package(one) for one in listed}


def test_a_payment_fails(journey):
    journey.fail("insufficient_funds")
    with traced() as trace:
        journey.sandbox.deliver_due()
        jobs.drain_inbox()
    assert len(journey.cases) == 1
    assert_drawn("A payment fails", trace)


def test_a_retry_falls_due(journey):
    invoice = journey.fail("insufficient_funds", "approve")
    journey.settle()
    journey.run(hours=1)  # its mail is gone
    case = journey.case(invoice)
    journey.sandbox.advance_to(case.next_step_at)
    with traced() as trace:
        jobs.run_due()
        jobs.run_step(case.id)
    assert journey.charged(invoice) == [False, True]
    assert_drawn("A retry falls due", trace)


def test_a_subscriber_replaces_the_card(journey):
    invoice = journey.fail("expired_card")
    journey.settle()
    link = journey.card_link()
    with traced() as trace:
        journey.visit(link)
    assert journey.charged(invoice) == [False, True]
    assert_drawn("A subscriber replaces the card", trace)


def test_a_founder_changes_a_setting(scene):
    client, path = scene.sign_in(), f"/settings/retries/{scene.account.id}"
    [form] = [form for form in forms_of(client.get(path).text) if form.action == path]
    with traced() as trace:
        saved = client.post(path, data=dict(form.fields) | {"max_retries": "3"})
    assert saved.status_code == 303
    assert_drawn("A founder changes a setting", trace)


def test_a_mail_leaves(journey):
    journey.fail("expired_card")
    journey.sandbox.deliver_due()
    jobs.drain_inbox()
    [case] = journey.cases
    assert journey.mails == []
    with traced() as trace:
        jobs.run_step(case.id)
    assert len(journey.mails) == 1
    assert_drawn("A mail leaves", trace)
