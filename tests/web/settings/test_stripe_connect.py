"""Connecting through Stripe's page of consent: its answer counts once, where it was asked for."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from app import create_app
from recover.accounts import connecting, connections, disconnecting
from recover.models import Account, ConnectRequest, RecoveryCase, Role
from webhooks.handlers import HANDLED_TYPES

pytest_plugins = ("web_cast", "connect_cast")

ACCOUNTS = "/settings/stripe"


def unchanged(desk, answer, *words: str, status: int = 400) -> None:
    """Nothing is connected, and the page says why and leads on."""
    assert answer.status_code == status, answer.text
    for word in words:
        assert word in answer.text
    assert "Begin again" in answer.text
    assert desk.rows() == []


def test_an_account_is_connected_on_stripe_s_own_page(desk):
    address = desk.to_stripe()
    asked = parse_qs(urlsplit(address).query)
    assert asked["scope"] == ["read_write"]
    assert asked["response_type"] == ["code"]
    assert asked["redirect_uri"] == ["http://recover.test/settings/stripe/return"]

    answer = desk.client.get(desk.consent(address))

    account = desk.only()
    assert answer.status_code == 303
    assert answer.location == f"{ACCOUNTS}/{account.id}"
    assert (account.stripe_account_id, account.connection) == (desk.sandbox.account_id, "platform")
    assert account.company_id == desk.scene.user.company_id
    assert account.mode == "observe"
    assert account.publishable_key.startswith("pk_test_")
    assert account.secret_key_sealed == ""
    assert account.name == "Fernhill Software"
    assert desk.record() == [("connect", f"user:{desk.scene.user.id}")]
    assert "is connected" in desk.client.get(answer.location).text


def test_the_page_lets_the_browser_go_to_stripe_and_nowhere_else(desk, stripe_url):
    policy = desk.client.get(ACCOUNTS).headers["Content-Security-Policy"]
    assert f"form-action 'self' {stripe_url};" in policy


def test_who_says_no_is_told_that_nothing_was_connected(desk):
    unchanged(desk, desk.connect(answer="deny"), "You said no")


def test_stripe_s_own_words_are_shown_as_text(desk):
    state = parse_qs(urlsplit(desk.to_stripe()).query)["state"][0]
    said = f"error=invalid_request&error_description=%3Cb%3Eno+redirect&state={state}"
    answer = desk.client.get(f"/settings/stripe/return?{said}")
    unchanged(desk, answer, "&lt;b&gt;no redirect", "STRIPE_CLIENT_ID")


def test_words_without_a_state_of_ours_are_not_shown_at_all(desk):
    answer = desk.client.get(
        "/settings/stripe/return?error=oops&error_description=call+0900&state=x"
    )
    unchanged(desk, answer, "does not belong")
    assert "0900" not in answer.text


@pytest.mark.parametrize("state", ["", "&state=", "&state=made-up"])
def test_an_answer_nobody_asked_for_is_refused(desk, state):
    back = desk.consent(desk.to_stripe()).partition("&state=")[0]
    unchanged(desk, desk.client.get(back + state), "does not belong")
    assert desk.sandbox.consent.exchanges == 0


def test_a_replayed_answer_is_refused_and_asks_stripe_nothing(desk):
    back = desk.consent(desk.to_stripe())
    desk.client.get(back)
    before = desk.only()

    again = desk.client.get(back)

    assert again.status_code == 400
    assert "used already" in again.text
    assert desk.sandbox.consent.exchanges == 1
    assert desk.only().connected_at == before.connected_at
    assert not desk.sandbox.store.deauthorized


def test_of_two_answers_at_once_one_counts(desk):
    """A browser that loads the address twice, as impatient ones do."""
    state = parse_qs(urlsplit(desk.to_stripe()).query)["state"][0]
    with desk.client.session_transaction() as cookie:
        token = cookie["token"]

    def take_up(_):
        try:
            return connecting.redeem_request(desk.services, desk.scene.user, token, state).id
        except connecting.NotConnected:
            return None

    with ThreadPoolExecutor(4) as pool:
        won = [one for one in pool.map(take_up, range(4)) if one]
    assert len(won) == 1


def test_of_two_connections_at_once_one_account_comes(desk):
    desk.sandbox.store.deauthorized = False

    def connect(_):
        return connections.connect(
            desk.services,
            "",
            connections.Keys(stripe_account_id=desk.sandbox.account_id),
            company_id=desk.scene.user.company_id,
        ).id

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(connect, range(4)))
    assert ids == {desk.only().id}


def test_a_denied_state_cannot_be_used_for_a_code_afterwards(desk):
    address = desk.to_stripe()
    desk.client.get(desk.consent(address, "deny"))
    unchanged(desk, desk.client.get(desk.consent(address)), "used already")


def test_an_answer_that_comes_too_late_is_refused(desk):
    back = desk.consent(desk.to_stripe())
    with desk.services.db.begin() as session:
        old = desk.services.now() - connecting.REQUEST_LIFETIME - timedelta(seconds=1)
        session.execute(update(ConnectRequest).values(created_at=old))
    unchanged(desk, desk.client.get(back), "too late")


def test_an_answer_counts_only_in_the_browser_that_asked(desk):
    back = desk.consent(desk.to_stripe())
    same_person = desk.scene.sign_in()
    unchanged(desk, same_person.get(back), "does not belong")
    unchanged(desk, desk.rival().get(back), "does not belong")
    assert desk.sandbox.consent.exchanges == 0
    assert desk.client.get(back).status_code == 303  # it was not used up by strangers


def test_only_owners_connect(desk):
    back = desk.consent(desk.to_stripe())
    with desk.services.db.begin() as session:
        session.merge(desk.scene.user).role = Role.MEMBER
    for answer in (
        desk.client.get(back),
        desk.client.get("/settings/stripe/key"),
        desk.client.post(
            f"{ACCOUNTS}/connect", data={"csrf_token": desk.scene.csrf(desk.client, "/")}
        ),
    ):
        assert answer.status_code == 403
    assert "Connect with Stripe" not in desk.client.get(ACCOUNTS).text
    assert desk.rows() == []


def test_a_used_code_is_stripe_s_no_in_plain_words(desk):
    address = desk.to_stripe()
    back = desk.consent(address)
    code = parse_qs(urlsplit(back).query)["code"][0]
    desk.sandbox.consent.exchange(code, live_key=False)
    unchanged(desk, desk.client.get(back), "already been used")


def test_a_lost_answer_of_stripe_s_is_not_asked_for_twice(desk):
    desk.sandbox.faults.drop_response_after_execution(5, "/oauth/token")
    unchanged(desk, desk.connect(), "Begin again", status=503)
    assert desk.sandbox.consent.exchanges == 1
    desk.sandbox.faults.clear()
    assert desk.connect().status_code == 303


def test_access_in_the_other_mode_is_given_back(desk):
    desk.sandbox.consent.livemode = True
    unchanged(desk, desk.connect(), "live mode", "test mode was asked for")
    assert desk.sandbox.store.deauthorized


def test_an_account_of_another_company_stays_there(desk):
    desk.connect()
    before = desk.only()
    rival = desk.rival()

    answer = rival.get(desk.consent(desk.to_stripe(rival)))

    assert answer.status_code == 400
    assert "connected to another company" in answer.text
    assert "Acme" not in answer.text
    assert desk.only().company_id == before.company_id
    assert not desk.sandbox.store.deauthorized  # Acme lives by that access


def test_a_revoked_platform_key_is_said_to_the_operator(desk):
    back = desk.consent(desk.to_stripe())
    desk.sandbox.revoke_key(desk.sandbox.platform_key)
    unchanged(desk, desk.client.get(back), "STRIPE_CLIENT_ID", status=503)


def test_without_a_client_id_a_key_is_offered_instead(desk):
    settings = dataclasses.replace(desk.services.settings, stripe_client_id="")
    app = create_app(dataclasses.replace(desk.services, settings=settings))
    client = desk.scene.sign_in(client=app.test_client())
    assert "Connect with Stripe" not in client.get(ACCOUNTS).text
    token = {"csrf_token": desk.scene.csrf(client, ACCOUNTS + "/key")}
    assert client.post(f"{ACCOUNTS}/connect", data=token).status_code == 400


# Leaving, and coming back


def disconnect(desk):
    path = f"{ACCOUNTS}/{desk.only().id}/disconnect"
    return desk.scene.post(desk.client, path, path)


def test_disconnecting_gives_the_access_back(desk):
    desk.connect()
    answer = disconnect(desk)

    account = desk.only()
    assert "Nothing more is charged" in desk.client.get(answer.location).text
    assert account.disconnected_at is not None
    assert account.leaving_at is None
    assert desk.sandbox.store.deauthorized
    assert desk.record()[-1] == ("disconnect", f"user:{desk.scene.user.id}")


@pytest.mark.parametrize("trouble", ["outage", "drop_response_after_execution"])
def test_what_stripe_did_not_hear_is_said_again_until_it_did(desk, trouble):
    """Also where Stripe did it and the answer was lost, or we died before it came."""
    desk.connect()
    getattr(desk.sandbox.faults, trouble)(1, "/oauth/deauthorize")
    answer = disconnect(desk)

    assert desk.only().disconnected_at is not None  # at once, whatever Stripe says
    assert desk.only().leaving_at is not None
    assert "Recover repeats that until it succeeds" in desk.client.get(answer.location).text
    assert disconnecting.finish_disconnecting(desk.services) == 0
    assert desk.sandbox.store.deauthorized
    assert desk.only().leaving_at is None
    assert disconnecting.finish_disconnecting(desk.services) == 0


def test_a_refused_platform_key_does_not_pass_for_having_left(desk):
    desk.connect()
    desk.sandbox.revoke_key(desk.sandbox.platform_key)
    disconnect(desk)
    assert disconnecting.finish_disconnecting(desk.services) == 1
    assert desk.only().leaving_at is not None


def test_a_company_that_comes_back_finds_everything_as_it_was(desk):
    desk.connect()
    first = desk.only()
    case = open_case(desk)
    disconnect(desk)
    assert (state_of(desk, case), desk.only().disconnected_at is None) == ("closed", False)

    desk.connect()

    again = desk.only()
    assert again.id == first.id
    assert again.hook_token == first.hook_token
    assert again.disconnected_at is None
    assert disconnecting.finish_disconnecting(desk.services) == 0
    assert not desk.sandbox.store.deauthorized
    assert state_of(desk, case) == "closed"  # until the next comparison with Stripe takes it up


def test_an_old_message_of_stripe_s_does_not_end_a_new_connection(desk):
    desk.connect()
    case = open_case(desk)
    desk.sandbox.deauthorize()
    desk.sandbox.store.deauthorized = False  # connected anew before the message came

    disconnecting.access_revoked(desk.services, desk.only())
    assert (desk.only().disconnected_at, state_of(desk, case)) == (None, "open")

    desk.sandbox.deauthorize()
    disconnecting.access_revoked(desk.services, desk.only())
    assert desk.only().disconnected_at is not None
    assert state_of(desk, case) == "closed"


def test_the_platform_s_endpoint_is_looked_at(desk):
    desk.connect()
    page = f"{ACCOUNTS}/{desk.only().id}"
    assert "no webhook endpoint with the address" in desk.client.get(page).text
    platform = desk.services.gateway.account(desk.sandbox.platform_key)
    platform.create_webhook_endpoint("http://recover.test/webhooks/stripe", HANDLED_TYPES)
    assert "one webhook endpoint for us" in desk.client.get(page).text


def test_from_a_key_of_its_own_to_connect_leaves_no_endpoint_behind(desk):
    desk.paste(desk.sandbox.restricted_key)
    assert len(desk.endpoints()) == 1
    desk.connect()
    assert desk.only().connection == "platform"
    assert desk.endpoints() == []


def open_case(desk) -> int:
    desk.scene.account = desk.only()
    connections.set_mode(desk.services, desk.only().id, "recover")
    return desk.scene.failed().id


def state_of(desk, case_id: int) -> str:
    with desk.services.db.read() as session:
        return session.get_one(RecoveryCase, case_id).state


def test_every_row_is_of_one_company(desk):
    desk.connect()
    assert {row.company_id for row in desk.rows(ConnectRequest)} == {desk.scene.user.company_id}
    assert {row.company_id for row in desk.rows(Account)} == {desk.scene.user.company_id}
