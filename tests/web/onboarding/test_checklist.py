"""From a connected account to a live one, over real databases and the pretend Stripe."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from past_cast import past_of
from sqlalchemy import select

from recover.models import (
    Account,
    Attempt,
    AuditLogEntry,
    ChecklistState,
    Company,
    HistoryImport,
    RecoveryCase,
    ReportKind,
    ReportState,
    StripeEvent,
    User,
)
from recover.onboarding import dry_run, history_import
from recover.onboarding.checklist import dns_records, going_live, progress, stripe_signs
from recover.reporting import background_reports
from recover.stripe_api.throttle import Pace

pytest_plugins = ("web_cast",)

AT_ONCE = Pace(pause=lambda seconds: None)
ANSWERS = {
    "recover.test": ["google-site-verification=x", "v=spf1 include:mail.test -all"],
    "_dmarc.recover.test": ["v=DMARC1; p=none"],
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(dns_records, "txt", lambda name: ANSWERS.get(name, []))


@pytest.fixture
def scene(scene):
    """The account watches, as it does after connecting."""
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).mode = "observe"
    return scene


@pytest.fixture
def client(scene):
    return scene.sign_in()


@pytest.fixture
def path(scene):
    return f"/start/{scene.account.id}"


def account_of(scene) -> Account:
    with scene.services.db.read() as session:
        return session.get_one(Account, scene.account.id)


def states(scene) -> dict[str, str]:
    with scene.services.db.read() as session:
        found = progress.checklist(scene.services, session, account_of(scene))
    return {item.key: item.state for item in found.items}


def told(scene, key) -> str:
    with scene.services.db.read() as session:
        found = progress.checklist(scene.services, session, account_of(scene))
    return next(f"{item.status} {item.next}" for item in found.items if item.key == key)


def import_all(scene) -> None:
    while history_import.import_slice(scene.services, scene.account.id, pace=AT_ONCE):
        pass


def work(scene, kind) -> None:
    for report_id in background_reports.due(scene.services):
        report = background_reports.claim(scene.services, report_id)
        (dry_run if kind == ReportKind.DRY_RUN else going_live).work(scene.services, report)


def recorded(scene) -> list[tuple[str, str, str]]:
    with scene.services.db.read() as session:
        lines = session.scalars(select(AuditLogEntry).order_by(AuditLogEntry.id)).all()
    return [(line.verb, line.about, line.actor) for line in lines]


def test_a_new_account_begins_with_what_remains_to_be_done(scene, client, path):
    first = client.get("/")
    assert (first.status_code, first.location) == (303, path)
    text = client.get(path).text

    assert states(scene) == {
        "connected": "done",
        "webhook": "waits",
        "history": "waits",
        "retries": "todo",
        "mails": "todo",
        "sender": "todo",
        "campaign": "todo",
        "dry_run": "waits",
        "live": "todo",
    }
    assert "nothing is charged and nothing is sent" in text
    assert "https://dashboard.stripe.com/test/revenue_recovery/retries" in text
    assert "Billing &gt; Revenue recovery &gt; Retries" in text
    assert 'http-equiv="refresh"' in text  # without JavaScript the page renews itself


def test_the_dashboard_leads_there_once_and_then_keeps_a_band(scene, client, path):
    client.get("/")
    text = client.get("/").text

    assert "1 of 9" in text
    assert f'href="{path}"' in text
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).mode = "recover"
    assert "steps to go live" not in client.get("/").text


def test_the_first_webhook_ticks_and_is_remembered_when_the_inbox_forgets(scene, client, path):
    services, now = scene.services, scene.services.now()
    with services.db.begin() as session:
        session.add(
            StripeEvent(
                account_id=scene.account.id,
                stripe_event_id="evt_1",
                type="customer.updated",
                object_id="cus_1",
                stripe_customer_id="cus_1",
                created_at=now,
                received_at=now,
                status="done",
                due_at=now,
                error="",
            )
        )
    assert "customer.updated" in told(scene, "webhook")
    stripe_signs.keep_first_webhooks(services)
    with services.db.begin() as session:
        session.execute(StripeEvent.__table__.delete())

    assert states(scene)["webhook"] == "done"
    assert "It came" in client.get(path).text


def test_without_a_webhook_for_some_minutes_it_is_said_what_to_check(scene, client, path):
    with scene.services.db.begin() as session:
        row = session.get_one(Account, scene.account.id)
        row.connected_at = scene.services.now() - timedelta(minutes=6)

    text = client.get(path).text
    assert states(scene)["webhook"] == "trouble"
    assert "http://recover.test/webhooks/stripe/hook-of-acme" in text
    assert "a 400 another signing secret" in text
    assert "https://dashboard.stripe.com/test/webhooks" in text


def test_stripe_s_own_retries_are_seen_in_the_imported_past(scene):
    past_of(scene.sandbox, subscribers=60, days=40)
    import_all(scene)

    said = told(scene, "retries")
    assert "of the last 90 days more than once" in said
    assert states(scene)["retries"] == "todo"


def test_a_retry_in_store_is_seen_and_a_declaration_holds_until_a_new_one_is(scene, client, path):
    case = scene.failed("insufficient_funds")
    at = scene.services.now() + timedelta(days=2)
    _stripe_retries_at(scene, case, at)
    assert "a retry in store for 1 past-due invoice" in told(scene, "retries")

    scene.post(client, f"{path}/retries", path, off="yes")
    assert states(scene)["retries"] == "done"  # what was planned before may still come

    scene.sandbox.clock.advance_to(scene.services.now() + timedelta(hours=3))
    later = scene.failed("insufficient_funds", email="new@subscriber.test")
    assert states(scene)["retries"] == "done"
    _stripe_retries_at(scene, later, at + timedelta(days=1))

    assert states(scene)["retries"] == "trouble"
    assert "Stripe has made or planned one since" in told(scene, "retries")
    scene.post(client, f"{path}/retries", path, off="yes")
    assert ("set", "start:retries", f"user:{scene.user.id}") in recorded(scene)


def _stripe_retries_at(scene, case, at) -> None:
    with scene.services.db.begin() as session:
        session.get_one(RecoveryCase, case.id).stripe_next_attempt_at = at


def test_a_try_of_stripe_s_after_the_declaration_contradicts_it(scene, client, path):
    case = scene.failed("insufficient_funds")
    scene.post(client, f"{path}/retries", path, off="yes")
    at = scene.services.now() + timedelta(days=3)
    with scene.services.db.begin() as session:
        session.add(
            Attempt(
                account_id=case.account_id,
                case_id=case.id,
                trigger="stripe",
                outcome="failed",
                reason="",
                stripe_payment_intent_id="",
                amount_minor=2900,
                currency="usd",
                payment_method_id="pm_1",
                card_type="card",
                card_fingerprint="",
                card_brand="visa",
                card_funding="",
                card_country="",
                card_issuer="",
                card_last4="",
                error_code="",
                decline_code="",
                advice_code="",
                network_decline_code="",
                network_advice_code="",
                outcome_type="",
                network_status="",
                attempted_at=at,
            )
        )
    assert states(scene)["retries"] == "trouble"


def test_stripe_s_mails_are_asked_about_and_the_answer_is_kept(scene, client, path):
    assert "Stripe tells no program" in client.get(path).text
    scene.post(client, f"{path}/mails", path, said="on")
    assert states(scene)["mails"] == "trouble"
    scene.post(client, f"{path}/mails", path, said="off")
    assert states(scene)["mails"] == "done"
    scene.post(client, f"{path}/mails", path, said="nonsense")
    assert states(scene)["mails"] == "todo"


def test_the_sender_is_confirmed_by_the_link_in_a_mail_from_and_to_itself(scene, client, path):
    scene.post(client, f"{path}/sender", path)
    [mail] = scene.mailbox.messages()
    assert mail.header("To") == "billing@recover.test"
    assert "billing@recover.test" in mail.header("From")
    assert states(scene)["sender"] == "todo"
    text = client.get(path).text
    assert "has an SPF record" in text
    assert "p=none" in text
    assert "dkim=pass" in text

    link = next(one for one in mail.links if "/confirm-sender/" in one)
    stranger = scene.app.test_client()  # whoever reads the mailbox need not be signed in
    way = link.removeprefix("http://recover.test")
    assert states(scene)["sender"] == "todo"  # a scanner's look confirms nothing
    assert "Is this your mailbox?" in stranger.get(way).text
    assert states(scene)["sender"] == "todo"
    assert "is confirmed as the sender" in scene.post(stranger, way, way).text

    assert states(scene)["sender"] == "done"
    assert ("confirm", "start:sender", "recover") in recorded(scene)
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).sender_email = "other@recover.test"
    assert states(scene)["sender"] == "todo"
    assert "has changed from billing@recover.test" in told(scene, "sender")


def test_a_confirming_link_that_is_old_or_false_says_so(scene, client, path):
    assert scene.client.get("/confirm-sender/nonsense").status_code == 410
    scene.post(client, f"{path}/sender", path)
    [mail] = scene.mailbox.messages()
    way = next(one for one in mail.links if "/confirm-sender/" in one)[len("http://recover.test") :]
    scene.sandbox.clock.advance_to(scene.services.now() + timedelta(days=4))
    assert scene.client.get(way).status_code == 410
    assert states(scene)["sender"] == "todo"


def test_a_second_mail_waits_a_moment_and_one_that_cannot_leave_says_why(scene, client, path):
    scene.post(client, f"{path}/sender", path)
    scene.post(client, f"{path}/sender", path)
    assert len(scene.mailbox.messages()) == 1
    assert "left a moment ago" in client.get(path).text

    scene.sandbox.clock.advance_to(scene.services.now() + timedelta(minutes=2))
    scene.mailbox.fail_next(550)
    scene.post(client, f"{path}/sender", path)
    assert "could not be sent" in client.get(path).text


@pytest.mark.parametrize(
    ("zone", "kind", "state"),
    [
        ({}, "SPF", "missing"),
        ({"acme.test": ["v=spf1 a", "v=spf1 b"]}, "SPF", "wrong"),
        ({"acme.test": ["V=SPF1 -all"]}, "SPF", "ok"),
        ({}, "DMARC", "missing"),
        ({"_dmarc.acme.test": ["v = DMARC1; p=reject"]}, "DMARC", "ok"),
        ({}, "DKIM", "unknown"),
    ],
)
def test_what_dns_says(zone, kind, state):
    found = dns_records.findings("acme.test", lambda name: zone.get(name, []))
    assert found[kind][0] == state


def test_a_domain_is_under_the_policy_of_the_one_above_but_not_of_the_top(scene):
    asked = []

    def lookup(name):
        asked.append(name)
        return ["v=DMARC1; p=none"] if name == "_dmarc.acme.test" else []

    assert dns_records.findings("mail.acme.test", lookup)["DMARC"][0] == "ok"
    dns_records.findings("acme.test", lambda name: asked.append(name) or [])
    assert "_dmarc.test" not in asked


def test_dns_that_does_not_answer_is_no_verdict():
    def away(name):
        raise OSError("DNS did not answer: Timeout")

    found = dns_records.findings("acme.test", away)
    assert [found[kind][0] for kind in ("SPF", "DMARC")] == ["unknown", "unknown"]


def test_looking_at_the_campaign_ticks_it_but_not_for_one_who_only_looks(scene, client, path):
    viewer = _colleague(scene, "viewer")
    assert "payment" in viewer.get(f"{path}/campaign").text
    assert states(scene)["campaign"] == "todo"
    text = client.get(f"{path}/campaign").text
    assert text.count("<pre") == 10
    assert "Acme" in text
    assert states(scene)["campaign"] == "done"
    client.get(f"{path}/campaign")
    assert recorded(scene).count(("set", "start:campaign", f"user:{scene.user.id}")) == 1


def _colleague(scene, role):
    with scene.services.db.begin() as session:
        user = User(
            company_id=scene.account.company_id,
            email=f"{role}@acme.test",
            role=role,
            created_at=scene.services.now(),
        )
        session.add(user)
    return scene.sign_in(user)


def test_one_who_only_looks_changes_nothing(scene, client, path):
    viewer = _colleague(scene, "viewer")
    text = viewer.get(path).text
    assert "<form" not in text.split("</header>")[1]
    token = {"csrf_token": scene.csrf(viewer, path)}
    for act in ("import", "retries", "mails", "sender", "dry-run", "live", "live/recover"):
        assert viewer.post(f"{path}/{act}", data=token).status_code == 403


def test_another_company_s_account_does_not_exist(scene, path):
    with scene.services.db.begin() as session:
        rival = Company(name="Rival", created_at=scene.services.now())
        session.add(rival)
        session.flush()
        spy = User(company_id=rival.id, email="spy@rival.test", created_at=scene.services.now())
        session.add(spy)
    theirs = scene.sign_in(spy)
    pages = ("", "/campaign", "/dry-run", "/dry-run/in_1", "/live", "/live/recover")
    assert {theirs.get(path + page).status_code for page in pages} == {404}
    token = {"csrf_token": scene.csrf(theirs, "/")}
    for act in ("import", "retries", "mails", "sender", "dry-run", "live", "live/recover"):
        assert theirs.post(f"{path}/{act}", data=token).status_code == 404
    with scene.services.db.read() as session:
        assert session.get(ChecklistState, scene.account.id) is None


def test_the_progress_of_the_import_is_on_the_page(scene, path):
    past_of(scene.sandbox, subscribers=110, days=31)
    client = scene.sign_in()
    history_import.import_slice(scene.services, scene.account.id, pace=AT_ONCE, pages=1)
    text = client.get(path).text
    assert "100 invoices and 0 charges so far" in text
    assert re.search(r'<progress[^>]+value="\d+\.\d"', text)
    assert "Invoices are read newest first" in text
    import_all(scene)
    assert states(scene)["history"] == "done"
    with scene.services.db.read() as session:
        row = session.get_one(HistoryImport, scene.account.id)
    assert f"{row.failed:,} renewals failed at first" in client.get(path).text


def test_an_import_that_stripe_refuses_says_so_and_goes_on_by_a_button(scene, client, path):
    key = scene.sandbox.state.keys[scene.sandbox.account_key]
    key.permissions = {"invoices": "read"}
    import_all(scene)
    assert "read access to Invoices and Charges" in client.get(path).text
    key.permissions = None
    scene.post(client, f"{path}/import", path)
    import_all(scene)
    assert states(scene)["history"] == "done"
    assert ("import", "history", f"user:{scene.user.id}") in recorded(scene)


# Going live


def test_going_live_shows_who_owns_what_and_names_what_comes_first(scene, client, path):
    case = scene.failed("insufficient_funds")
    assert "Before the switch" in client.get(f"{path}/live").text
    assert client.get(f"{path}/live/recover").status_code == 303  # nothing to decide on yet
    scene.post(client, f"{path}/live", f"{path}/live")
    assert "Stripe is asked about each" in client.get(f"{path}/live").text
    work(scene, ReportKind.SWITCHOVER)

    text = client.get(f"{path}/live").text
    assert "<strong>1</strong> past-due invoice" in text
    assert case.stripe_invoice_id in text
    confirm = client.get(f"{path}/live/recover").text
    assert "the card is charged for" in confirm
    assert "$29.00" in confirm
    assert case.stripe_invoice_id in confirm
    assert "Not done yet" in confirm
    assert account_of(scene).mode == "observe"

    answer = scene.post(client, f"{path}/live/recover", f"{path}/live/recover")
    assert answer.status_code == 303
    assert account_of(scene).mode == "recover"
    assert states(scene)["live"] == "done"
    assert ("set", "setting:mode", f"user:{scene.user.id}") in recorded(scene)
    assert "is live, in recover mode" in client.get("/").text


def test_an_old_report_is_nothing_to_decide_on(scene, client, path):
    scene.post(client, f"{path}/live", f"{path}/live")
    work(scene, ReportKind.SWITCHOVER)
    form = {"csrf_token": scene.csrf(client, f"{path}/live/recover")}
    scene.sandbox.clock.advance_to(scene.services.now() + timedelta(hours=2))
    assert "over an hour old" in client.get(f"{path}/live").text
    client.post(f"{path}/live/recover", data=form)
    assert account_of(scene).mode == "observe"


def test_without_anything_past_due_nothing_happens_at_once(scene, client, path):
    scene.post(client, f"{path}/live", f"{path}/live")
    work(scene, ReportKind.SWITCHOVER)
    assert "Nothing at once" in client.get(f"{path}/live/stripe").text
    assert client.get(f"{path}/live/observe").status_code == 404


def test_a_report_that_stripe_interrupts_is_worked_out_again_from_the_start(scene, client, path):
    for name in ("a", "b"):
        scene.failed("insufficient_funds", email=f"{name}@subscriber.test")
    scene.post(client, f"{path}/live", f"{path}/live")
    [report_id] = background_reports.due(scene.services)
    report = background_reports.claim(scene.services, report_id)
    assert background_reports.claim(scene.services, report_id) is None  # one worker has it
    with pytest.raises(RuntimeError):
        background_reports.work(scene.services, report, 2, _dies_after_one(), dict)

    scene.sandbox.clock.advance_to(scene.services.now() + timedelta(minutes=6))
    work(scene, ReportKind.SWITCHOVER)

    with scene.services.db.read() as session:
        done = background_reports.newest(
            session, scene.account.id, ReportKind.SWITCHOVER, ReportState.DONE
        )
        assert done.summary["invoices"] == background_reports.count(session, done) == 2


def _dies_after_one():
    for nth in range(background_reports.LINES_AT_ONCE):
        yield str(nth), f"in_{nth}", {}
    raise RuntimeError


def test_the_report_begins_with_a_comparison_so_that_nothing_is_orphaned_or_stale(
    scene, client, path
):
    paid = scene.failed("insufficient_funds")
    scene.sandbox.pay_on_hosted_page(paid.stripe_invoice_id)
    customer = scene.sandbox.add_customer(email="new@subscriber.test")
    unknown = scene.sandbox.fail_renewal(scene.sandbox.add_subscription(customer))

    scene.post(client, f"{path}/live", f"{path}/live")
    work(scene, ReportKind.SWITCHOVER)

    assert scene.case(paid.id).state == "recovered"
    with scene.services.db.read() as session:
        done = background_reports.newest(
            session, scene.account.id, ReportKind.SWITCHOVER, ReportState.DONE
        )
        owner = background_reports.line(session, done, unknown).body["modes"]["recover"]["owner"]
    assert (done.summary["invoices"], owner) == (1, "us")
    assert done.summary["modes"]["recover"]["owners"]["nobody"] == 0
