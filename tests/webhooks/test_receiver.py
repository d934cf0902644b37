import dataclasses
import http.client
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Thread

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from sqlalchemy import event as hooks
from sqlalchemy import func, select, text, update
from webhook_cast import HOOK_SECRET, PLATFORM_SECRET, body_of, event, signature
from werkzeug.serving import make_server

from recover.foundation.database import Database
from recover.models import Account, StripeEvent
from recover.services import STEPS, JobQueue
from webhooks import receiver

pytestmark = pytest.mark.both_databases  # insertions that meet each other

DIRECT = "/webhooks/stripe/hook-of-acme"
PLATFORM = "/webhooks/stripe"


def serving(services, signal=None):
    app = Flask(__name__)
    app.register_blueprint(receiver.blueprint(services, signal or at_once(services)))
    return app


def at_once(services):
    """Rings before the answer, so that a test can look."""
    return lambda: services.enqueue("drain_inbox", once_for=receiver.SIGNAL_SECONDS)


class Sender:
    """Stripe's side: posts to the product's receiver, signed."""

    def __init__(self, services):
        self.services = services
        self.app = serving(services)

    def post(
        self, content=None, *, path=DIRECT, secret=HOOK_SECRET, at=None, body=None, headers=None
    ):
        body = body_of(content or event()) if body is None else body
        signed = {"Stripe-Signature": signature(body, secret, at or self.services.now())}
        return self.app.test_client().post(path, data=body, headers=signed | (headers or {}))

    def stored(self):
        with self.services.db.read() as session:
            return list(session.scalars(select(StripeEvent).order_by(StripeEvent.id)))

    def jobs(self):
        queue = Queue(STEPS, connection=self.services.enqueue.redis)
        return [job.func_name for job in queue.jobs]


@pytest.fixture
def sender(services, account):
    return Sender(services)


def change(services, account, **values):
    with services.db.begin() as session:
        session.execute(update(Account).where(Account.id == account.id).values(**values))


def test_an_event_is_stored_by_its_ids_and_the_drain_is_rung(sender, services, account):
    content = event()
    assert sender.post(content).status_code == 200
    (row,) = sender.stored()
    assert (row.account_id, row.stripe_event_id) == (account.id, content["id"])
    assert (row.type, row.object_id) == ("invoice.payment_failed", "in_1")
    assert (row.stripe_customer_id, row.status, row.failures) == ("cus_1", "received", 0)
    assert row.received_at == row.due_at == services.now()
    assert sender.jobs() == ["recover.entrypoints.jobs.drain_inbox"]


def test_a_repeated_event_is_stored_once_and_answered_the_same(sender):
    content = event()
    assert [sender.post(content).status_code for _ in range(3)] == [200, 200, 200]
    assert len(sender.stored()) == 1


def test_many_events_ring_the_bell_once(sender):
    for _ in range(5):
        sender.post(event())
    assert len(sender.stored()) == 5
    assert len(sender.jobs()) == 1


def test_events_that_come_many_times_at_once_are_each_stored_once(sender):
    contents = [event() for _ in range(6)] * 8
    with ThreadPoolExecutor(12) as pool:
        answers = [answer.status_code for answer in pool.map(sender.post, contents)]
    assert answers == [200] * 48
    assert len(sender.stored()) == 6


def test_two_processes_given_the_same_events_in_another_order_store_each_once(sender, services):
    """Two engines on one database are what two processes have."""
    other_db = Database.connect(services.settings.database_url)
    other = Sender(dataclasses.replace(services, db=other_db))
    contents = [event() for _ in range(30)]
    with ThreadPoolExecutor(8) as pool:
        here = pool.map(sender.post, contents)
        there = pool.map(other.post, reversed(contents))
        answers = {answer.status_code for answers in (here, there) for answer in answers}
    other_db.engine.dispose()
    assert answers == {200}
    assert len(sender.stored()) == 30


def test_the_same_event_id_of_two_accounts_is_two_events(sender, services, account):
    with services.db.begin() as session:
        columns = {c.key: getattr(account, c.key) for c in Account.__table__.columns}
        second = {"id": None, "stripe_account_id": "acct_two", "hook_token": "hook-two"}
        session.add(Account(**columns | second))
    content = event()
    assert sender.post(content).status_code == 200
    assert sender.post(content, path="/webhooks/stripe/hook-two").status_code == 200
    assert len(sender.stored()) == 2


@pytest.mark.parametrize("path", [DIRECT, PLATFORM])
def test_another_secret_is_refused(sender, path):
    answer = sender.post(path=path, secret="whsec_of_somebody_else")
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert "signature" in answer.json["detail"]
    assert sender.stored() == []
    assert sender.jobs() == []


def test_a_platform_signature_opens_no_direct_address(sender):
    assert sender.post(secret=PLATFORM_SECRET).status_code == 400
    assert sender.stored() == []


def test_a_changed_body_is_refused(sender, services):
    body = body_of(event())
    header = signature(body, HOOK_SECRET, services.now())
    answer = sender.post(body=body.replace(b"in_1", b"in_2"), headers={"Stripe-Signature": header})
    assert answer.status_code == 400
    assert sender.stored() == []


@pytest.mark.parametrize("header", ["", "nonsense", "t=,v1=", "t=abc,v1=00", "v1=00"])
def test_a_missing_or_malformed_signature_is_refused(sender, header):
    answer = sender.post(headers={"Stripe-Signature": header})
    assert answer.status_code == 400
    assert "signature" in answer.json["detail"].lower()
    assert sender.stored() == []


@pytest.mark.parametrize(
    ("seconds", "status"), [(-301, 400), (-300, 200), (0, 200), (300, 200), (301, 400)]
)
def test_the_signature_may_be_five_minutes_off_in_either_direction(
    sender, services, seconds, status
):
    answer = sender.post(at=services.now() + timedelta(seconds=seconds))
    assert answer.status_code == status
    assert len(sender.stored()) == (status == 200)


def test_while_a_secret_is_rotated_the_old_and_the_new_one_are_accepted(sender, services, account):
    both = services.vault.seal("whsec_new,whsec_old")
    change(services, account, webhook_secrets_sealed=both)
    statuses = {
        secret: sender.post(secret=secret).status_code
        for secret in ("whsec_new", "whsec_old", HOOK_SECRET)
    }
    assert statuses == {"whsec_new": 200, "whsec_old": 200, HOOK_SECRET: 400}


def test_an_account_without_a_stored_secret_takes_nothing(sender, services, account):
    change(services, account, webhook_secrets_sealed="")
    answer = sender.post(secret="")
    assert answer.status_code == 400
    assert "No signing secret" in answer.json["detail"]


def test_no_answer_repeats_a_secret(sender, services):
    stale = services.now() - timedelta(days=400)
    refusals = [sender.post(secret="whsec_wrong"), sender.post(at=stale), sender.post(body=b"{")]
    assert [refusal.status_code for refusal in refusals] == [400, 400, 400]
    assert not any("whsec" in refusal.text for refusal in refusals)


def test_signed_json_that_was_cut_off_is_refused(sender):
    answer = sender.post(body=body_of(event())[:-20])
    assert answer.status_code == 400
    assert "cut off" in answer.json["detail"]
    assert sender.stored() == []


def test_the_signature_is_checked_before_the_body_is_parsed(sender):
    answer = sender.post(body=b"{not json", secret="whsec_wrong")
    assert "signature" in answer.json["detail"]


@pytest.mark.parametrize("content", [b"[]", b'"text"', b"{}", b'{"object": "event"}', b"\xff\xfe"])
def test_signed_bodies_that_are_no_event_are_refused(sender, content):
    assert sender.post(body=content).status_code == 400
    assert sender.stored() == []


def test_ids_that_cannot_be_stripes_are_refused(sender):
    for odd in ("evt_" + "x" * 300, "evt_\x00", "evt_\n1"):
        assert sender.post(event(id=odd)).status_code == 400
    assert sender.stored() == []


class Untouchable:
    """A request body that must not be read."""

    def read(self, *_):
        raise AssertionError("the body was read")

    readline = readinto = read


def test_ten_megabytes_are_refused_unread(sender):
    environ = {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "10000000"}
    answer = sender.app.test_client().post(DIRECT, environ_overrides=environ)
    assert answer.status_code == 413
    assert sender.stored() == []


def test_a_body_of_unsaid_length_is_refused_at_the_cap(sender, services):
    class Endless:
        taken = 0

        def read(self, size=-1):
            assert size >= 0, "read without a bound"
            Endless.taken += size
            return b"x" * size

        def readinto(self, buffer):
            buffer[:] = self.read(len(buffer))
            return len(buffer)

    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    environ = {"wsgi.input": Endless(), **chunked}
    answer = sender.app.test_client().post(DIRECT, environ_overrides=environ)
    assert answer.status_code == 413
    assert Endless.taken <= services.settings.max_webhook_bytes + 100_000


def test_a_body_right_at_the_cap_is_taken(sender, services):
    content = event()
    room = services.settings.max_webhook_bytes - len(body_of(event(padding="")))
    assert sender.post({**content, "padding": "x" * (room - 2)}).status_code == 200


def test_another_accounts_event_is_refused(sender):
    answer = sender.post(event(account="acct_other"))
    assert answer.status_code == 400
    assert "another account" in answer.json["detail"]
    assert sender.post(event(account="acct_acme")).status_code == 200
    assert len(sender.stored()) == 1


def test_a_live_event_for_a_test_account_is_refused(sender):
    answer = sender.post(event(livemode=True))
    assert answer.status_code == 400
    assert "mode" in answer.json["detail"]
    assert sender.stored() == []


@pytest.mark.parametrize("token", ["nobody", "x" * 65, "x" * 5000])
def test_an_unknown_address_is_not_found(sender, token):
    answer = sender.post(path=f"/webhooks/stripe/{token}")
    assert answer.status_code == 404


@pytest.mark.parametrize("path", [DIRECT, PLATFORM])
def test_only_post_is_answered(sender, path):
    client = sender.app.test_client()
    assert [client.get(path).status_code, client.put(path).status_code] == [405, 405]


def test_the_platforms_events_name_their_account(sender, services, account):
    change(services, account, connection="platform")
    answer = sender.post(event(account="acct_acme"), path=PLATFORM, secret=PLATFORM_SECRET)
    assert answer.status_code == 200
    assert [row.account_id for row in sender.stored()] == [account.id]


@pytest.mark.parametrize("named", [{}, {"account": "acct_stranger"}, {"livemode": True}])
def test_the_platforms_events_of_unknown_accounts_are_dropped(sender, services, account, named):
    change(services, account, connection="platform")
    content = event(**{"account": "acct_acme"} | named) if named else event()
    answer = sender.post(content, path=PLATFORM, secret=PLATFORM_SECRET)
    assert answer.status_code == 200
    assert sender.stored() == []


def test_the_platform_does_not_speak_for_an_account_with_its_own_key(sender):
    content = event("account.application.deauthorized", {"id": "ca_1", "object": "application"})
    content["account"] = "acct_acme"
    assert sender.post(content, path=PLATFORM, secret=PLATFORM_SECRET).status_code == 200
    assert sender.stored() == []


@pytest.mark.parametrize("kind", ["invoice.created", "customer.created", "v2.unheard_of"])
def test_types_nobody_handles_are_dropped(sender, kind):
    assert sender.post(event(kind)).status_code == 200
    assert sender.stored() == []
    assert sender.jobs() == []


def test_an_event_about_nobody_is_dropped(sender):
    card = {"id": "pm_1", "object": "payment_method", "customer": None}
    assert sender.post(event("payment_method.updated", card)).status_code == 200
    assert sender.stored() == []


def test_a_disconnected_accounts_events_are_dropped(sender, services, account):
    change(services, account, disconnected_at=services.now())
    assert sender.post().status_code == 200
    assert sender.stored() == []


def test_without_redis_an_event_is_stored_and_answered(services, account):
    deaf = dataclasses.replace(services, enqueue=JobQueue("unix:///nonexistent/redis.sock"))
    sender = Sender(deaf)
    assert sender.post().status_code == 200
    assert len(sender.stored()) == 1


@pytest.fixture
def dead_database(database_url, tmp_path):
    """The address of a database that is not there."""
    gone = tmp_path / "gone"
    sqlite = database_url.startswith("sqlite")
    url = f"sqlite:///{gone}/r.db" if sqlite else f"postgresql://postgres@/postgres?host={gone}"
    database = Database.connect(url)
    yield database
    database.engine.dispose()


def test_without_the_database_stripe_is_asked_to_send_again(services, account, dead_database):
    answer = Sender(dataclasses.replace(services, db=dead_database)).post()
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_a_database_lost_between_two_events_loses_neither(services, account, dead_database):
    """The account is known by then, so it is the write that fails."""
    half = Database(services.db.engine)
    half.engine = dead_database.engine
    sender = Sender(dataclasses.replace(services, db=half))
    content = event()
    assert sender.post(content).status_code == 503
    half.engine = services.db.engine
    assert sender.post(content).status_code == 200
    assert [row.stripe_event_id for row in sender.stored()] == [content["id"]]


def test_a_connection_that_the_database_dropped_is_replaced_unnoticed(sender, services):
    if services.db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no server to drop a connection")
    assert sender.post().status_code == 200
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with services.db.engine.connect() as connection:
        connection.execute(text(f"{others} AND datname = current_database()"))
    assert sender.post().status_code == 200
    assert len(sender.stored()) == 2


def test_the_hot_path_asks_the_database_once(sender, services):
    """After the first event, an account's events cost one statement each."""
    sender.post()
    statements = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    hooks.listen(services.db.engine, "before_cursor_execute", note)
    sender.post()
    assert [statement.split()[0] for statement in statements if "BEGIN" not in statement] == [
        "INSERT"
    ]


def test_over_http_with_a_real_server(sender, services):
    """The same, through a socket: bytes reach the check as they were sent."""
    server = make_server("127.0.0.1", 0, sender.app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        content = event(note="ü \u2028 \\u00fc")
        body = body_of(content)
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        headers = {"Stripe-Signature": signature(body, HOOK_SECRET, services.now())}
        connection.request("POST", DIRECT, body, headers)
        status = connection.getresponse().status
        connection.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert status == 200
    assert [row.stripe_event_id for row in sender.stored()] == [content["id"]]


def test_an_event_is_committed_before_its_drain_is_queued(services, account):
    seen = []

    def signal():
        with services.db.read() as session:
            seen.append(session.scalar(select(func.count(StripeEvent.id))))

    app = serving(services, signal)
    body = body_of(event())
    header = signature(body, HOOK_SECRET, services.now())
    app.test_client().post(DIRECT, data=body, headers={"Stripe-Signature": header})
    assert seen == [1]


def test_left_to_itself_the_receiver_rings_soon_after(services, account):
    """No answer waits for Redis, so the job comes a moment later."""
    app = Flask(__name__)
    app.register_blueprint(receiver.blueprint(services))
    body = body_of(event())
    header = signature(body, HOOK_SECRET, services.now())
    app.test_client().post(DIRECT, data=body, headers={"Stripe-Signature": header})
    queue = Queue(STEPS, connection=services.enqueue.redis)
    with Redis.from_url(services.settings.redis_url) as patient:
        assert patient.blpop([queue.key], timeout=20) is not None


def test_mounted_beside_pages_it_leaves_them_alone_and_is_spared_their_ways(services, account):
    app = Flask(__name__)

    @app.get("/page")
    def page():
        return "a page"

    @app.after_request
    def mark(response):
        response.headers["X-Page"] = "yes"
        return response

    receiver.mount(app, services, at_once(services))
    sender = Sender(services)
    sender.app = app
    answer, shown = sender.post(), app.test_client().get("/page")
    assert (answer.status_code, "X-Page" in answer.headers) == (200, False)
    assert (shown.text, "X-Page" in shown.headers) == ("a page", True)
    assert app.test_client().get("/webhooks/nothing").status_code == 404
    assert len(sender.stored()) == 1
