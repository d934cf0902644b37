"""Events to the company's own endpoints, received by a real server that verifies and misbehaves."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
import socket
import threading
from datetime import timedelta

import pytest
from api_cast import deliveries, listen, receiving, record_of, rival, signed
from sqlalchemy import select

from recover import services as composition
from recover.accounts import connections
from recover.cases.evidence import Evidence
from recover.cases.lifecycle import finish
from recover.cases.timeline import note
from recover.dunning import CaseState, CloseReason, RetryMode, Stop
from recover.entrypoints import jobs
from recover.integrations import webhook_delivery, webhook_endpoints, webhook_events, webhook_http
from recover.integrations.webhook_endpoints import EndpointFault
from recover.models import Account, DeliveryAttempt, RecoveryCase, WebhookEndpoint
from recover.workflow import sync
from sandbox.server import serve

pytestmark = pytest.mark.both_databases  # claims, leases and locks

pytest_plugins = ("web_cast",)


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


@pytest.fixture
def endpoint(scene, receiver) -> WebhookEndpoint:
    return listen(scene.services, scene.account, receiver)


def later(scene, **span: float) -> None:
    scene.sandbox.clock.advance_to(scene.services.now() + timedelta(**span))


def send(scene) -> int:
    return webhook_delivery.send_due(scene.services)


def test_event(scene, endpoint):
    return webhook_endpoints.send_test(scene.services, endpoint)


test_event.__test__ = False


def log(scene) -> list[DeliveryAttempt]:
    with scene.services.db.read() as session:
        return list(session.scalars(select(DeliveryAttempt).order_by(DeliveryAttempt.id)))


def standing(scene, endpoint) -> WebhookEndpoint:
    with scene.services.db.read() as session:
        return session.get_one(WebhookEndpoint, endpoint.id)


def test_a_case_s_life_is_told_from_its_opening_to_its_end(scene, endpoint, receiver):
    case = scene.failed("insufficient_funds")
    scene.sandbox.script(case.stripe_customer_id, ["approve"])
    sync.pay_now(
        scene.services,
        scene.account,
        case.stripe_invoice_id,
        "founder",
        "Asked for.",
        actor="user:1",
    )
    assert send(scene) == 3
    told = {event["type"]: event for event in receiver.events}
    assert list(told) == ["case.opened", "case.step_taken", "case.recovered"]
    opened, step, recovered = told.values()
    assert opened["data"]["object"]["id"] == f"case_{case.id}"
    assert opened["data"]["object"]["state"] == "open"
    assert opened["data"]["object"]["decline_code"] == "insufficient_funds"
    assert step["data"]["step"] == "payment_attempt"
    assert step["data"]["reason"] == "Asked for."
    assert recovered["data"]["object"]["state"] == "recovered"
    assert recovered["data"]["object"]["amount_remaining_minor"] == 0
    assert opened["livemode"] is False
    assert opened["account"] == f"acc_{scene.account.id}"
    assert {row.status for row in deliveries(scene.services)} == {"delivered"}


def test_no_name_and_no_address_leaves(scene, endpoint, receiver):
    scene.failed(name="Sam Subscriber", email="sam@subscriber.test")
    send(scene)
    assert receiver.bodies
    assert not any(b"Sam Subscriber" in body or b"sam@" in body for body in receiver.bodies)


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        (CaseState.EXHAUSTED, CloseReason.WINDOW_OVER, "case.exhausted"),
        (CaseState.CLOSED, CloseReason.VOIDED, "case.closed"),
    ],
)
def test_the_other_ends_are_told(scene, endpoint, receiver, state, reason, told):
    case = scene.failed()
    evidence = Evidence(scene.services.now(), case.stripe_invoice_id, None, None, ())
    with scene.services.db.begin() as session:
        row = session.get_one(RecoveryCase, case.id)
        assert finish(session, row, evidence, Stop(state, "Because.", reason))
    send(scene)
    ended = next(event for event in receiver.events if event["type"] == told)
    assert ended["data"]["object"]["close_reason"] == reason
    assert ended["data"]["object"]["closed_at"] is not None


def test_a_disconnection_closes_every_case_and_says_so(scene, endpoint, receiver):
    scene.failed()
    connections.disconnect(scene.services, scene.account.id)
    send(scene)
    closed = receiver.events[-1]
    assert closed["type"] == "case.closed"
    assert closed["data"]["object"]["close_reason"] == "disconnected"


def test_an_act_that_is_rolled_back_tells_nobody(scene, endpoint):
    case = scene.failed()
    before = len(deliveries(scene.services))

    def act():
        with scene.services.db.begin() as session:
            row = session.get_one(RecoveryCase, case.id)
            note(session, row, "close", "x", scene.services.now())
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        act()
    assert len(deliveries(scene.services)) == before


def test_each_endpoint_gets_what_it_asked_for_and_only_of_its_account(scene, receiver):
    with receiving() as other, receiving() as foreign:
        listen(scene.services, scene.account, receiver)
        listen(scene.services, scene.account, other, ["case.recovered"])
        listen(scene.services, rival(scene.services), foreign)
        scene.failed()
        send(scene)
    assert [event["type"] for event in receiver.events] == ["case.opened"]
    assert other.bodies == foreign.bodies == []


def test_one_event_has_one_id_at_all_endpoints(scene, receiver):
    with receiving() as other:
        for one in (receiver, other):
            listen(scene.services, scene.account, one)
        scene.failed()
        send(scene)
    assert receiver.events == other.events != []


def test_while_observing_no_step_is_told_as_taken(scene, endpoint):
    case = scene.failed()
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).mode = RetryMode.OBSERVE
        row = session.get_one(RecoveryCase, case.id)
        note(session, row, "message", "Would be written.", scene.services.now())
    assert [row.event_type for row in deliveries(scene.services)] == ["case.opened"]


def test_a_failure_is_tried_again_later_and_longer_until_it_is_given_up(scene, endpoint, receiver):
    receiver.answers = [500] * 99
    test_event(scene, endpoint)
    waits, began = [], scene.services.now()
    while deliveries(scene.services)[0].status == "pending":
        assert send(scene) == 1
        row = deliveries(scene.services)[0]
        waits.append((row.due_at - scene.services.now()) / timedelta(minutes=1))
        scene.sandbox.clock.advance_to(row.due_at)
    assert waits[:7] == [1, 5, 30, 120, 360, 720, 720]
    assert timedelta(days=2) < scene.services.now() - began < timedelta(days=4)
    assert deliveries(scene.services)[0].status == "given_up"
    assert len(receiver.bodies) == len(log(scene)) == len(waits)
    assert len(set(receiver.bodies)) == 1  # the same event, byte for byte
    assert {(one.status_code, one.error) for one in log(scene)} == {(500, "Answered 500.")}


def test_a_redirect_is_no_success_and_is_not_followed(scene, endpoint, receiver):
    receiver.answers = [302]
    test_event(scene, endpoint)
    send(scene)
    assert len(receiver.bodies) == 1
    assert deliveries(scene.services)[0].status == "pending"


def test_of_an_answer_its_beginning_is_kept(scene, endpoint, receiver):
    receiver.text = "é\0" + "x" * 5000
    test_event(scene, endpoint)
    send(scene)
    [one] = log(scene)
    assert one.status_code == 200
    assert one.answer.startswith("éx")
    assert len(one.answer.encode()) <= 1000


def test_what_was_given_up_can_be_sent_again(scene, endpoint, receiver):
    receiver.answers = [500]
    test_event(scene, endpoint)
    send(scene)
    later(scene, days=10)
    [row] = deliveries(scene.services)
    webhook_endpoints.send_again(scene.services, row)
    assert send(scene) == 1
    assert [event["id"] for event in receiver.events] == [row.event_id]
    assert deliveries(scene.services)[0].status == "delivered"


def test_a_receiver_that_hangs_keeps_nobody_waiting(scene, endpoint, receiver, monkeypatch):
    """It is cut off; its other events are not tried; the neighbour has its own long since."""
    monkeypatch.setattr(webhook_http, "TOTAL_SECONDS", 2.0)
    release = threading.Event()

    def hang():
        release.wait(30)
        return 200

    receiver.answers = [hang]
    with receiving() as neighbour:
        listen(scene.services, scene.account, neighbour)
        for _ in range(3):
            scene.failed(email="x@s.test")
        sent = send(scene)
    release.set()
    assert sent == 3 + 1
    assert len(neighbour.events) == 3
    hung = [one for one in log(scene) if one.status_code == 0]
    assert [one.error for one in hung] == ["There was no answer within 2 seconds."]
    row = standing(scene, endpoint)
    assert row.unanswered == 1
    assert row.resting_until == scene.services.now() + timedelta(minutes=1)
    assert send(scene) == 0  # it rests
    later(scene, minutes=1)
    assert send(scene) == 3
    assert len({event["id"] for event in receiver.events}) == 3
    assert standing(scene, endpoint).unanswered == 0


def test_a_receiver_that_sends_a_byte_at_a_time_is_cut_off_too(scene, receiver, monkeypatch):
    monkeypatch.setattr(webhook_http, "TOTAL_SECONDS", 0.3)
    stop, silent = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def drip():
        connection, _ = silent.accept()
        with connection:
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000:
                try:
                    connection.sendall(bytes([byte]))
                except OSError:
                    return
                if stop.wait(0.02):
                    return

    dripping = threading.Thread(target=drip)
    dripping.start()
    receiver.url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    test_event(scene, listen(scene.services, scene.account, receiver))
    send(scene)
    stop.set()
    dripping.join()
    silent.close()
    assert log(scene)[0].status_code == 0


def test_a_receiver_that_vanished_rests_longer_each_time_and_loses_nothing(
    scene, endpoint, receiver
):
    for number in range(3):
        scene.failed(email=f"sub{number}@s.test")
    receiver.stop()
    rests = []
    for _ in range(4):
        assert send(scene) == 1
        rests.append(standing(scene, endpoint).resting_until - scene.services.now())
        scene.sandbox.clock.advance_to(standing(scene, endpoint).resting_until)
    assert rests == [timedelta(minutes=minutes) for minutes in (1, 2, 5, 15)]
    assert "nothing listens there" in log(scene)[0].error
    back = serve(receiver)
    webhook_endpoints.change(scene.services, endpoint, actor="user:1", url=f"{back.url}/new")
    later(scene, hours=1)
    send(scene)
    back.stop()
    assert len({event["id"] for event in receiver.events}) == 3


def test_both_secrets_sign_for_a_day_after_a_change(scene, endpoint, receiver):
    old, new = receiver.secrets[0], webhook_endpoints.rotate(scene.services, endpoint, actor="u")
    test_event(scene, endpoint)
    send(scene)
    body, header = receiver.bodies[0], receiver.signatures[0]
    assert signed(body, header, old)
    assert signed(body, header, new)
    assert not signed(body + b" ", header, new)
    later(scene, hours=24)
    receiver.secrets = [new]
    test_event(scene, endpoint)
    send(scene)
    assert not signed(receiver.bodies[1], receiver.signatures[1], old)
    assert signed(receiver.bodies[1], receiver.signatures[1], new)


def test_secrets_are_sealed_and_nowhere_on_record(scene, endpoint, receiver):
    [secret] = receiver.secrets
    row = standing(scene, endpoint)
    assert secret.startswith("rcv_whsec_")
    assert secret not in row.secret_sealed
    assert scene.services.vault.open(row.secret_sealed) == secret
    lines = record_of(scene.services, account_id=scene.account.id)
    assert [line.verb for line in lines] == ["create"]
    assert secret not in json.dumps([line.details for line in lines])


def test_after_five_days_of_failures_it_is_switched_off_and_said(scene, endpoint, receiver):
    receiver.answers = [500] * 999
    for _ in range(6):
        test_event(scene, endpoint)
        send(scene)
        later(scene, days=1)
    row = standing(scene, endpoint)
    assert not row.enabled
    assert row.trouble == "Switched off after 5 days of failures. The last: Answered 500."
    assert [line.reason for line in record_of(scene.services, verb="switch_off")] == [row.trouble]
    before = len(receiver.bodies)
    scene.failed()
    send(scene)
    assert len(receiver.bodies) == before
    receiver.answers = []
    webhook_endpoints.change(scene.services, endpoint, actor="user:1", enabled=True)
    later(scene, hours=12)
    assert send(scene) > 0
    assert standing(scene, endpoint).failing_since is None


def test_one_success_ends_the_trouble(scene, endpoint, receiver):
    for status in (500, 200, 500):
        receiver.answers = [status]
        test_event(scene, endpoint)
        send(scene)
        later(scene, days=4)
    assert standing(scene, endpoint).enabled


def test_a_removed_endpoint_hears_nothing_more(scene, endpoint, receiver):
    test_event(scene, endpoint)
    webhook_endpoints.remove(scene.services, endpoint, actor="user:1")
    scene.failed()
    assert send(scene) == 0
    assert receiver.bodies == []


def test_old_events_are_forgotten_with_their_log(scene, endpoint):
    test_event(scene, endpoint)
    send(scene)
    later(scene, days=31)
    assert webhook_delivery.forget(scene.services) == 1
    assert deliveries(scene.services) == log(scene) == []


def _deliver(settings, now) -> None:
    """What a worker does, in a process of its own."""
    services = dataclasses.replace(composition.build(settings), now=lambda: now)
    webhook_delivery.send_due(services)


def test_a_worker_killed_in_the_middle_loses_nothing(scene, endpoint, receiver):
    """The receiver has taken the event when the worker dies, before it could write that down."""
    arrived, release = threading.Event(), threading.Event()

    def dies_now():
        arrived.set()
        release.wait(30)
        return 200

    receiver.answers = [dies_now]
    for _ in range(3):
        test_event(scene, endpoint)
    context = multiprocessing.get_context("spawn")
    settings, now = scene.services.settings, scene.services.now()
    worker = context.Process(target=_deliver, args=(settings, now))
    worker.start()
    assert arrived.wait(60)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    release.set()
    assert {row.status for row in deliveries(scene.services)} == {"pending"}
    assert send(scene) == 0  # the lease still holds
    scene.sandbox.clock.advance_to(now + webhook_delivery.LEASE)
    assert send(scene) == 3
    ids = {row.event_id for row in deliveries(scene.services)}
    assert {event["id"] for event in receiver.events} == ids
    assert {row.status for row in deliveries(scene.services)} == {"delivered"}


def test_two_workers_at_once_send_each_event_once(scene, endpoint, receiver):
    for _ in range(10):
        test_event(scene, endpoint)
    workers = [threading.Thread(target=send, args=(scene,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ids = [event["id"] for event in receiver.events]
    assert len(ids) == len(set(ids)) == 10


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/x", "https"),
        ("ftp://example.com/x", "https"),
        ("https:///x", "no host"),
        ("https://user:pass@example.com/x", "password"),
        ("https://example.com/x#part", "#"),
        ("https://example.com:99999/x", "read"),
        ("https://exam ple.com/x", "characters"),
        ("https://example.com/" + "x" * 2000, "too long"),
        ("https://[::1/x", "read"),
    ],
)
def test_addresses_that_cannot_be_are_refused_when_typed_in(scene, url, said):
    real = dataclasses.replace(scene.services.settings, stripe_api_base="https://api.stripe.com")
    services = dataclasses.replace(scene.services, settings=real)
    with pytest.raises(EndpointFault, match=said) as caught:
        webhook_endpoints.create(services, scene.account, url, ["case.opened"], actor="u")
    assert caught.value.field == "url"


PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "0.0.0.0",
    "100.64.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_into_a_private_network_is_not_connected_to(address, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    found = webhook_http.post(
        "https://hooks.example.com/x",
        b"{}",
        {},
        loopback=False,
        resolve=lambda *_: ["93.184.215.14", address],
    )
    assert found.status_code == 0
    assert "not a public address" in found.error


def test_in_a_rehearsal_only_this_machine_is_let_in_besides(monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    for address in set(PRIVATE) - {"127.0.0.1", "::1"}:
        found = webhook_http.post(
            "https://a.example", b"{}", {}, loopback=True, resolve=lambda *_, a=address: [a]
        )
        assert "not a public address" in found.error
    plain = webhook_http.post(
        "http://a.example", b"", {}, loopback=True, resolve=lambda *_: ["9.9.9.9"]
    )
    assert "Without TLS" in plain.error


def test_what_was_resolved_is_what_is_connected_to(monkeypatch):
    """A name that answers differently the second time gains nothing: it is asked once."""
    asked, connected = [], []

    def resolve(host, port):
        asked.append((host, port))
        return ["93.184.215.14"]

    def connect(address, timeout):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    webhook_http.post("https://hooks.example.com:8443/x", b"", {}, loopback=False, resolve=resolve)
    assert asked == [("hooks.example.com", 8443)]
    assert connected == [("93.184.215.14", 8443)]


def test_a_certificate_is_asked_for_the_name(receiver):
    """A server that speaks no TLS, or for another name, gets nothing."""
    port = receiver.url.split(":")[2].split("/")[0]
    found = webhook_http.post(f"https://localhost:{port}/", b"{}", {}, loopback=True)
    assert found.status_code == 0
    assert "TLS" in found.error
    assert receiver.bodies == []


def test_the_clock_s_job_sends_and_forgets(scene, endpoint, receiver, monkeypatch):
    monkeypatch.setattr(jobs, "services", lambda: scene.services)
    test_event(scene, endpoint)
    assert jobs.send_events() == 1
    later(scene, days=31)
    assert jobs.forget_calls() == 1


def test_every_type_is_announced_by_some_verb():
    assert set(webhook_events._TYPES.values()) == set(webhook_events.EVENTS)
