"""One case's page: its story with reasons, and what a person can do about it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from recover.messages import suppression
from recover.models import Account, AuditLogEntry, Message, RecoveryCase, Suppression
from sandbox import disputes

pytest_plugins = ("web_cast",)


@pytest.fixture
def client(scene):
    return scene.sign_in()


def test_the_page_tells_who_what_why_and_what_is_next(scene, client):
    case = scene.failed("insufficient_funds", name="Grace Hopper", amount=4900)
    html = client.get(f"/cases/{case.id}").text
    for words in (
        "Grace Hopper",
        "$49.00",
        "In progress",
        "The account has too little money for this payment.",
        "<code>insufficient_funds",
        scene.case(case.id).next_step_reason,
        "Stripe · $49.00 · Visa •••• 4242",
    ):
        assert words in html


def test_the_course_is_shown_only_when_asked_for(scene, client):
    case = scene.failed("insufficient_funds")
    assert "What happens next" not in client.get(f"/cases/{case.id}").text
    answer = scene.post(client, f"/cases/{case.id}/refresh", f"/cases/{case.id}")
    assert answer.location == f"/cases/{case.id}?preview=1#next"
    html = client.get(answer.location).text
    assert "What happens next if nothing changes" in html
    assert html.index("Charge the card") < html.index("Mail: Last notice")
    assert html.index("Mail: Last notice") < html.index("The case ends")


def test_refreshing_brings_the_case_up_to_date(scene, client):
    case = scene.failed()
    scene.sandbox.pay_on_hosted_page(case.stripe_invoice_id)
    scene.post(client, f"/cases/{case.id}/refresh", f"/cases/{case.id}")
    assert scene.case(case.id).state == "recovered"


def test_looking_at_a_case_asks_stripe_nothing(scene, client):
    case = scene.failed()
    scene.sandbox.faults.outage(10)
    assert client.get(f"/cases/{case.id}").status_code == 200
    answer = client.get(f"/cases/{case.id}?preview=1")
    assert answer.status_code == 503
    assert "Stripe is not answering" in answer.text


def test_retry_now_asks_first_and_then_charges_once(scene, client):
    case = scene.failed("insufficient_funds")
    scene.sandbox.script(case.stripe_customer_id, ["approve"])
    path = f"/cases/{case.id}/retry"
    assert "Charge Sam Subscriber now?" in client.get(path).text
    assert scene.sandbox.report()["recovered_invoices"] == 0
    assert scene.post(client, path, path).location == f"/cases/{case.id}"
    assert "Paid. The invoice is settled." in client.get(f"/cases/{case.id}").text
    assert scene.case(case.id).state == "recovered"
    assert scene.sandbox.report()["faults"]["charged_twice"] == 0


def test_a_decline_of_a_retry_is_told_in_plain_words(scene, client):
    case = scene.failed("insufficient_funds")
    scene.sandbox.script(case.stripe_customer_id, ["do_not_honor"])
    scene.post(client, f"/cases/{case.id}/retry", f"/cases/{case.id}/retry")
    html = client.get(f"/cases/{case.id}").text
    assert "Declined. The bank declined without giving a reason." in html
    assert "ada@acme.test asked for a retry now." in html


def test_a_card_that_must_not_be_tried_again_is_not(scene, client):
    case = scene.failed("stolen_card")
    before = scene.sandbox.report()["authorisations"]
    scene.post(client, f"/cases/{case.id}/retry", f"/cases/{case.id}/retry")
    assert "Not charged" in client.get(f"/cases/{case.id}").text
    assert scene.sandbox.report()["authorisations"] == before


def test_card_links_can_be_switched_off(scene, client):
    case = scene.failed()
    links = [scene.link(case), scene.link(case)]
    scene.post(client, f"/cases/{case.id}/revoke", f"/cases/{case.id}")
    assert [scene.client.get(link).status_code for link in links] == [410, 410]
    html = client.get(f"/cases/{case.id}").text
    assert "2 card links were switched off." in html
    assert "ada@acme.test switched off every card link of this case." in html


def test_mails_show_how_they_fared(scene, client):
    case, now = scene.failed(), scene.services.now()
    with scene.services.db.begin() as session:
        session.add(
            Message(
                account_id=case.account_id,
                case_id=case.id,
                dedup_key="k",
                template="payment_failed",
                status="uncertain",
                to_email="sam@subscriber.test",
                subject="Your payment",
                due_at=now,
                created_at=now,
            )
        )
    html = client.get(f"/cases/{case.id}").text
    assert "May not have arrived" in html
    assert "Your payment" in html


def test_the_way_to_stripes_dashboard_exists_only_for_the_real_stripe(scene, client):
    case = scene.failed()
    assert "dashboard.stripe.com" not in client.get(f"/cases/{case.id}").text


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("closed", "subscription_ended", "Lost: subscription ended"),
        ("closed", "voided", "Invoice voided"),
        ("exhausted", "window_over", "Lost: all retries used"),
    ],
)
def test_an_ended_case_says_how_it_ended(scene, client, state, reason, words):
    case = scene.failed()
    with scene.services.db.begin() as session:
        row = session.get_one(RecoveryCase, case.id)
        row.state, row.close_reason, row.next_step_at = state, reason, None
    html = client.get(f"/cases/{case.id}").text
    assert words in html
    assert ("Retry now" in html) is (state == "exhausted")


def test_a_case_that_does_not_exist_is_not_found(client):
    assert client.get("/cases/999999").status_code == 404


def test_in_observe_mode_the_confirmation_says_that_nothing_is_charged(scene, client):
    case = scene.failed()
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).mode = "observe"
    assert "observe mode" in client.get(f"/cases/{case.id}/retry").text


def test_in_observe_mode_a_retry_by_hand_charges_nothing_either(scene, client):
    case = scene.failed("insufficient_funds")
    scene.sandbox.script(case.stripe_customer_id, ["approve"])
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).mode = "observe"
    before = scene.sandbox.report()["authorisations"]
    scene.post(client, f"/cases/{case.id}/retry", f"/cases/{case.id}/retry")
    assert scene.sandbox.report()["authorisations"] == before
    assert "Not charged" in client.get(f"/cases/{case.id}").text


def test_why_nobody_is_written_to_is_said_and_can_be_lifted(scene, client):
    case = scene.failed()
    suppression.note_refusal(
        scene.services, scene.account.id, "cus_other", case.customer_email.upper(), None
    )
    html = client.get(f"/cases/{case.id}").text
    assert "No mail to them since" in html
    assert "Their address refuses mail" in html

    page = f"/cases/{case.id}"
    scene.post(client, f"{page}/write-again", page)

    html = client.get(page).text
    assert "No mail to them since" not in html
    assert "They are written to again" in html
    with scene.services.db.read() as session:
        [entry] = session.scalars(select(AuditLogEntry).where(AuditLogEntry.verb == "resume"))
    assert entry.actor.startswith("user:")
    assert scene.case(case.id).next_step_at == scene.services.now()


def test_who_was_erased_stays_unwritten(scene, client):
    case = scene.failed()
    with scene.services.db.begin() as session:
        session.add(
            Suppression(
                account_id=case.account_id,
                stripe_customer_id=case.stripe_customer_id,
                reason="erased",
                created_at=scene.services.now(),
            )
        )
    assert "Write to them again" not in client.get(f"/cases/{case.id}").text
    assert not suppression.lift(
        scene.services, case.account_id, case.stripe_customer_id, "", actor="user:1", by="Ada"
    )


def test_what_is_disputed_is_shown_and_a_person_who_looked_lets_it_go_on(scene, client):
    case = scene.failed("insufficient_funds")
    sandbox = scene.sandbox
    charge = sandbox.store.owned("charge", case.stripe_customer_id)[0]
    paid = {**charge, "id": "ch_1Earlier", "status": "succeeded", "paid": True, "amount": 4200}
    sandbox.store.put(paid)
    disputes.begin(sandbox.store, paid)
    scene.post(client, f"/cases/{case.id}/refresh", f"/cases/{case.id}")
    assert scene.case(case.id).close_reason == "disputed"
    html = client.get(f"/cases/{case.id}").text
    assert "$42.00, charged on" in html
    assert "disputed, and not answered yet." in html

    scene.post(client, f"/cases/{case.id}/release", f"/cases/{case.id}")

    assert scene.case(case.id).state == "open"
    html = client.get(f"/cases/{case.id}").text
    assert "Let go on" in html
    assert "Left alone" not in html
