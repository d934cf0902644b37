import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from rq import Queue
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from webhook_cast import event

from recover.foundation.errors import StripeAccessLost, StripeUnavailable
from recover.models import Account, StripeEvent
from recover.services import STEPS, JobQueue
from webhooks import inbox
from webhooks.handlers import ROUTES, Route, invoice

pytestmark = pytest.mark.both_databases  # claims, leases and locks


@pytest.fixture
def receive(services, account):
    """Store an event as the receiver does; its row's id."""

    def store(object_id="in_1", kind="invoice.payment_failed", of=account, count=1):
        ids = []
        for _ in range(count):
            with services.db.begin() as session:
                row = StripeEvent(
                    account_id=of.id,
                    stripe_event_id=event()["id"],
                    type=kind,
                    object_id=object_id,
                    stripe_customer_id="cus_1",
                    created_at=services.now(),
                    received_at=services.now(),
                    status="received",
                    due_at=services.now(),
                )
                session.add(row)
            ids.append(row.id)
        return ids

    return store


class Handler:
    """Stands in the table of handlers: notes its calls, and fails for the objects it is told to."""

    def __init__(self):
        self.calls = []
        self.failures = {}
        self.during = None

    def __call__(self, services, account, key):
        self.calls.append(key)
        if self.during:
            self.during(key)
        if key in self.failures:
            raise self.failures[key]


@pytest.fixture
def handler(monkeypatch):
    """Handles invoices in place of `cases.sync`."""
    handler = Handler()
    for kind in [kind for kind in ROUTES if kind.startswith("invoice.")]:
        monkeypatch.setitem(ROUTES, kind, Route(invoice, handler))
    return handler


@pytest.fixture
def other(services, account):
    """A second account of the same company."""
    with services.db.begin() as session:
        columns = {c.key: getattr(account, c.key) for c in Account.__table__.columns}
        second = {"id": None, "stripe_account_id": "acct_other", "hook_token": "hook-other"}
        row = Account(**columns | second)
        session.add(row)
    return row


def rows(services):
    with services.db.read() as session:
        return list(session.scalars(select(StripeEvent).order_by(StripeEvent.id)))


def statuses(services):
    return [row.status for row in rows(services)]


def test_events_about_one_object_are_folded_into_one_call(services, receive, handler):
    receive("in_1", count=7)
    receive("in_2", "invoice.paid", count=2)
    receive("in_1", "invoice.updated", count=3)
    assert inbox.drain(services) == inbox.Drained(done=12, parked=0, left=0)
    assert handler.calls == ["in_1", "in_2"]
    assert set(statuses(services)) == {"done"}
    assert all(row.handled_at == services.now() for row in rows(services))


def test_folding_goes_beyond_the_limit_of_a_batch(services, receive, handler):
    """The limit counts objects: every due event about a claimed object comes with it."""
    for _ in range(4):
        receive("in_1")
        receive("in_2")
        receive("in_3")
    assert inbox.drain(services, limit=1).done == 12
    assert handler.calls == ["in_1", "in_2", "in_3"]


def test_different_handlers_of_one_object_each_run(services, receive, handler, monkeypatch):
    another = Handler()
    monkeypatch.setitem(ROUTES, "invoice.paid", Route(invoice, another))
    receive("in_1", "invoice.payment_failed")
    receive("in_1", "invoice.paid")
    assert inbox.drain(services).done == 2
    assert (handler.calls, another.calls) == (["in_1"], ["in_1"])


def test_the_same_object_id_of_two_accounts_is_two_objects(services, receive, handler, other):
    receive("in_1")
    receive("in_1", of=other)
    assert inbox.drain(services).done == 2
    assert handler.calls == ["in_1", "in_1"]


def test_handled_events_are_not_handled_again(services, receive, handler):
    receive()
    inbox.drain(services)
    assert inbox.drain(services) == inbox.Drained()
    assert handler.calls == ["in_1"]


def test_the_bell_is_silenced_before_the_inbox_is_read(services, receive, handler):
    """Else an event stored just after the last look would be waited on for half a minute."""
    queue = Queue(STEPS, connection=services.enqueue.redis)
    services.enqueue("drain_inbox", once_for=30)
    receive()
    handler.during = lambda _key: services.enqueue("drain_inbox", once_for=30)
    inbox.drain(services)
    assert len(queue.jobs) == 2


def test_an_event_that_comes_while_its_object_is_handled_is_handled_after(
    services, receive, handler
):
    """Its news may have been too late for the look at Stripe that was under way."""

    def once_more(_key):
        handler.during = None
        receive("in_1")

    handler.during = once_more
    receive("in_1")
    assert inbox.drain(services).done == 2
    assert handler.calls == ["in_1", "in_1"]


def test_handlers_run_with_no_transaction_open(services, receive, handler):
    """On SQLite a second writer would wait for the first, here for ever."""
    handler.during = lambda key: receive("in_9") if key == "in_1" else None
    receive("in_1")
    assert inbox.drain(services).done == 2


def test_a_poisoned_event_is_parked_and_its_siblings_go_on(services, receive, handler, clock):
    handler.failures["in_bad"] = KeyError("surprise")
    receive("in_bad")
    receive("in_good")
    assert inbox.drain(services) == inbox.Drained(done=1)
    for _ in range(inbox.MAX_FAILURES - 1):
        assert statuses(services) == ["received", "done"]
        clock.advance(hours=6)
        last = inbox.drain(services)
    assert last == inbox.Drained(parked=1)
    bad, good = rows(services)
    assert (bad.status, bad.failures, good.status) == ("parked", 5, "done")
    assert handler.calls.count("in_bad") == 5
    clock.advance(days=30)
    inbox.drain(services)
    assert handler.calls.count("in_bad") == 5


def test_failures_back_off_four_times_as_long_each_time(services, receive, handler, clock):
    handler.failures["in_1"] = KeyError("surprise")
    receive("in_1")
    waits = []
    for _ in range(4):
        inbox.drain(services)
        waits.append(rows(services)[0].due_at - services.now())
        clock.advance(seconds=waits[-1].total_seconds())
    assert waits == [timedelta(minutes=minutes) for minutes in (1, 4, 16, 64)]


def test_the_error_kept_names_the_fault_and_nobodys_data(services, receive, handler):
    handler.failures["in_1"] = KeyError("ada@example.test")
    handler.failures["in_2"] = OSError("/home/ada")
    receive("in_1")
    receive("in_2")
    inbox.drain(services)
    first, second = rows(services)
    assert first.error.startswith("KeyError in webhooks/test_inbox.py:")
    assert second.error.startswith("OSError in webhooks/test_inbox.py:")
    assert "ada" not in first.error + second.error


def test_the_error_of_a_success_after_failure_is_wiped(services, receive, handler, clock):
    handler.failures["in_1"] = KeyError("surprise")
    receive("in_1")
    inbox.drain(services)
    handler.failures.clear()
    clock.advance(minutes=1)
    inbox.drain(services)
    (row,) = rows(services)
    assert (row.status, row.error) == ("done", "")


@pytest.mark.parametrize(
    "error", [StripeUnavailable("Stripe is away."), OperationalError("SELECT", {}, Exception())]
)
def test_an_outage_delays_and_is_never_counted(services, receive, handler, clock, error):
    handler.failures["in_1"] = error
    receive("in_1")
    for _ in range(inbox.MAX_FAILURES + 3):
        assert inbox.drain(services) == inbox.Drained()
        clock.advance(hours=1)
    (row,) = rows(services)
    assert (row.status, row.failures) == ("received", 0)
    handler.failures.clear()
    assert inbox.drain(services).done == 1


def test_an_outage_is_waited_out_longer_each_time_and_never_over_a_quarter_hour(
    services, receive, handler, clock
):
    handler.failures["in_1"] = StripeUnavailable("Stripe is away.")
    receive("in_1")
    waits = []
    for _ in range(10):
        inbox.drain(services)
        waits.append((rows(services)[0].due_at - services.now()).total_seconds())
        clock.advance(seconds=waits[-1])
    assert waits == [15, 15, 30, 60, 120, 240, 480, 900, 900, 900]


def test_stripes_wish_to_wait_is_respected(services, receive, handler):
    handler.failures["in_1"] = StripeUnavailable("Slow down.", retry_after=3600)
    receive("in_1")
    inbox.drain(services)
    assert rows(services)[0].due_at == services.now() + timedelta(hours=1)


def test_in_an_outage_an_account_is_asked_once_a_batch_and_others_go_on(
    services, receive, handler, other
):
    for number in range(20):
        receive(f"in_{number}")
        handler.failures[f"in_{number}"] = StripeUnavailable("Stripe is away.")
    receive("in_fine", of=other)
    assert inbox.drain(services).done == 1
    assert handler.calls == ["in_0", "in_fine"]


def test_one_object_that_stripe_cannot_serve_does_not_hold_up_the_others_for_long(
    services, receive, handler, clock
):
    receive("in_broken")
    receive("in_fine", count=3)
    handler.failures["in_broken"] = StripeUnavailable("Stripe answered 500.")
    for _ in range(8):
        inbox.drain(services)
        clock.advance(seconds=30)
    assert statuses(services) == ["received", "done", "done", "done"]


def test_a_key_that_stripe_refuses_is_noted_and_its_events_wait(
    services, receive, handler, account, clock
):
    handler.failures["in_1"] = StripeAccessLost("This key was revoked.")
    receive("in_1")
    for _ in range(inbox.MAX_FAILURES + 1):
        inbox.drain(services)
        clock.advance(hours=1)
    assert statuses(services) == ["received"]
    with services.db.read() as session:
        assert session.get_one(Account, account.id).problem == "This key was revoked."


def test_what_a_killed_worker_held_falls_due_again(services, receive, handler, clock):
    receive("in_1", count=3)
    assert len(inbox.claim(services, limit=10)) == 1  # and the worker is gone
    assert inbox.drain(services) == inbox.Drained()
    clock.advance(seconds=inbox.LEASE.total_seconds() - 1)
    assert inbox.drain(services) == inbox.Drained()
    clock.advance(seconds=1)
    assert inbox.drain(services).done == 3
    assert handler.calls == ["in_1"]


def test_two_workers_never_claim_the_same_event(services, receive):
    for number in range(40):
        receive(f"in_{number}", count=2)
    together = Barrier(4)

    def work(_):
        together.wait(10)
        claimed = []
        while groups := inbox.claim(services, limit=5):
            claimed += [number for group in groups for number in group.event_ids]
        return claimed

    with ThreadPoolExecutor(4) as pool:
        claimed = [number for part in pool.map(work, range(4)) for number in part]
    assert len(claimed) == len(set(claimed))
    # A worker that finds another at the same rows may stop early; the rest is then still due.
    left = [number for group in inbox.claim(services, limit=100) for number in group.event_ids]
    assert sorted(claimed + left) == [row.id for row in rows(services)]


def test_without_time_the_rest_is_left_due(services, receive, handler):
    receive("in_1", count=2)
    assert inbox.drain(services, budget=timedelta(0)) == inbox.Drained(left=2)
    assert handler.calls == []


def test_what_was_claimed_when_the_time_ran_out_is_given_back(services, receive, handler):
    receive("in_1", count=2)
    batch = inbox.claim(services, limit=10)
    assert inbox._handle_batch(services, batch, deadline=0.0) == inbox.Drained()
    assert inbox.drain(services).done == 2


def test_a_disconnected_accounts_events_are_dropped(services, receive, handler, account):
    receive("in_1")
    with services.db.begin() as session:
        session.get_one(Account, account.id).disconnected_at = services.now()
    assert inbox.drain(services).done == 1
    assert handler.calls == []


def test_a_type_that_is_handled_no_longer_is_done_with(services, receive, handler):
    receive("in_1", "invoice.abolished")
    assert inbox.drain(services).done == 1
    assert handler.calls == []


def test_the_inbox_drains_without_redis(services, receive, handler):
    deaf = dataclasses.replace(services, enqueue=JobQueue("unix:///nonexistent/redis.sock"))
    receive("in_1")
    assert inbox.drain(deaf).done == 1


def test_more_events_than_one_statement_may_name_are_marked(
    services, receive, handler, monkeypatch
):
    monkeypatch.setattr(inbox, "IDS_IN_ONE_UPDATE", 3)
    receive("in_1", count=8)
    assert inbox.drain(services).done == 8
    assert set(statuses(services)) == {"done"}


@pytest.fixture
def parked(services, receive, handler, clock):
    """Three parked events about three objects; their ids."""
    ids = [*receive("in_1"), *receive("in_2"), *receive("in_3")]
    handler.failures = {f"in_{number}": KeyError("surprise") for number in (1, 2, 3)}
    for _ in range(inbox.MAX_FAILURES):
        inbox.drain(services)
        clock.advance(hours=6)
    handler.failures = {}
    handler.calls.clear()
    return ids


def test_parked_events_are_listed_with_their_error(services, parked, account, other):
    with services.db.read() as session:
        listed = inbox.parked(session)
        assert [row.id for row in listed] == parked[::-1]
        assert all(row.error.startswith("KeyError") for row in listed)
        assert len(inbox.parked(session, account_id=account.id, limit=2)) == 2
        assert inbox.parked(session, account_id=other.id) == []


def test_a_parked_event_can_be_replayed(services, parked, handler):
    queue = Queue(STEPS, connection=services.enqueue.redis)
    assert inbox.replay(services, [parked[1]]) == 1
    assert len(queue.jobs) == 1
    assert inbox.drain(services).done == 1
    assert handler.calls == ["in_2"]
    assert statuses(services) == ["parked", "done", "parked"]


def test_all_parked_events_can_be_replayed(services, parked, handler):
    assert inbox.replay(services) == 3
    assert inbox.drain(services).done == 3
    assert inbox.replay(services) == 0


def test_only_parked_events_are_replayed(services, receive, handler):
    (done,) = receive("in_1")
    inbox.drain(services)
    assert inbox.replay(services, [done]) == 0
    assert statuses(services) == ["done"]


def test_replayed_events_have_all_their_tries_again(services, parked, handler):
    inbox.replay(services, parked[:1])
    handler.failures["in_1"] = KeyError("again")
    assert inbox.drain(services).parked == 0
    assert (rows(services)[0].status, rows(services)[0].failures) == ("received", 1)


def test_events_done_with_long_ago_are_forgotten(services, receive, handler, clock):
    receive("in_old")
    inbox.drain(services)
    clock.advance(days=61)
    receive("in_waiting")
    assert inbox.forget(services) == 1
    assert [row.object_id for row in rows(services)] == ["in_waiting"]
