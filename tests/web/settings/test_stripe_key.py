"""A restricted key on the page: checked before it is kept, kept sealed, and Stripe listens once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import requests

from recover.accounts import disconnecting, health, restricted_keys, upkeep
from recover.entrypoints import jobs
from recover.foundation.errors import StripeUnavailable
from recover.messages.subscriber.delivery import send
from recover.messages.subscriber.queue import Draft, add
from recover.models import Account, Message
from recover.stripe_api import event_types
from recover.stripe_api.gateway import API_VERSION
from recover.stripe_api.key_permissions import (
    NEEDED,
    NOT_NEEDED,
    OPTIONAL,
    READ,
    create_key_url,
)
from sandbox.api.errors import ApiError
from sandbox.sandbox import CAREFUL
from webhooks.handlers import HANDLED_TYPES, ROUTES

pytest_plugins = ("web_cast", "connect_cast")

ACCOUNTS, KEY = "/settings/stripe", "/settings/stripe/key"
CONNECTING = (Path(__file__).parents[3] / "docs" / "connecting.md").read_text(encoding="utf-8")


def refused(desk, answer, *words: str) -> None:
    assert answer.status_code == 400, answer.text
    for word in words:
        assert word in answer.text
    assert desk.rows() == []
    assert desk.endpoints() == []


def test_a_fitting_key_connects_and_stripe_is_listened_to(desk):
    answer = desk.paste(desk.sandbox.restricted_key)

    account = desk.only()
    assert answer.location == f"{ACCOUNTS}/{account.id}"
    assert (account.connection, account.mode, account.test_mail) == ("key", "observe", "team")
    assert account.company_id == desk.scene.user.company_id
    assert account.publishable_key == desk.sandbox.account_publishable_key
    [endpoint] = desk.endpoints()
    assert endpoint["url"] == f"http://recover.test/webhooks/stripe/{account.hook_token}"
    assert endpoint["api_version"] == API_VERSION
    assert sorted(endpoint["enabled_events"]) == sorted(event_types.OF_AN_ACCOUNT)
    secret = desk.sandbox.webhooks.secrets[endpoint["id"]]
    assert desk.services.vault.open(account.webhook_secrets_sealed) == secret
    assert desk.services.vault.open(account.secret_key_sealed) == desk.sandbox.restricted_key
    assert [verb for verb, _ in desk.record()] == ["connect", "listen"]


def test_the_key_is_on_no_page_and_in_no_log(desk, caplog):
    key = desk.sandbox.restricted_key
    few = desk.sandbox.new_key(permissions={"invoices": "read"})
    pages = [desk.paste(few).text, desk.paste(key).text, desk.client.get(ACCOUNTS).text]
    pages.append(desk.client.get(f"{ACCOUNTS}/{desk.only().id}").text)
    for secret in (key, few):
        assert not any(secret in text for text in [*pages, caplog.text])


def test_the_careful_key_has_exactly_what_is_needed(desk):
    fit = restricted_keys.check(desk.services, desk.sandbox.restricted_key)
    assert (fit.missing, fit.more_than_needed) == ((), False)


def test_what_recover_can_do_without_is_no_reason_to_refuse_and_is_listed(desk):
    desk.paste(desk.sandbox.new_key(permissions={**CAREFUL, "disputes": ""}))
    upkeep.look_after(desk.services, desk.only())
    page = desk.client.get(f"{ACCOUNTS}/{desk.only().id}").text
    assert "Disputes: Read" in page
    assert "whether a dispute was won or withdrawn" in page
    assert desk.only().problem == ""


@pytest.mark.parametrize("resource", sorted(CAREFUL.keys() - {"disputes"}))
def test_each_permission_that_is_missing_is_named_with_its_reason(desk, resource):
    key = desk.sandbox.new_key(permissions={k: v for k, v in CAREFUL.items() if k != resource})
    fit = restricted_keys.check(desk.services, key)
    [missing] = fit.missing
    answer = desk.paste(key)
    refused(desk, answer, missing.permission.title, missing.permission.why.split("'")[0])


def test_read_where_write_is_needed_is_too_little(desk):
    key = desk.sandbox.new_key(permissions={**CAREFUL, "invoices": "read"})
    refused(desk, desk.paste(key), "Invoices: Write", "pay it")


@pytest.mark.parametrize(
    ("resource", "title"),
    [
        ("charges", "Charges and Refunds: Write"),
        ("payment_intents", "Payment Intents: Write"),
        ("payouts", "Payouts: Write"),
        ("transfers", "Transfers: Write"),
        ("disputes", "Disputes: Write"),
        ("products", "Products: Write"),
        ("coupons", "Coupons: Write"),
        ("balance", "Balance: Read"),
    ],
)
def test_each_power_too_many_is_named_and_needs_a_yes(desk, resource, title):
    key = desk.sandbox.new_key(permissions={**CAREFUL, resource: "write"})
    answer = desk.paste(key)
    refused(desk, answer, "more than Recover needs", title)
    assert answer.text.count("</strong>: it could") + answer.text.count("</strong>: it shows") == 1

    assert desk.paste(key, allow_more="1").status_code == 303
    assert desk.only().connection == "key"


def test_a_full_key_needs_a_yes_too(desk):
    refused(desk, desk.paste(desk.sandbox.account_key), "full secret key")
    assert desk.paste(desk.sandbox.account_key, allow_more="1").status_code == 303


def test_a_yes_to_too_much_is_no_yes_to_too_little(desk):
    key = desk.sandbox.new_key(permissions={**CAREFUL, "payouts": "write", "invoices": ""})
    refused(desk, desk.paste(key, allow_more="1"), "Invoices: Write")


def test_probes_change_nothing_and_every_one_of_them_reaches_stripe(desk):
    """With a key that may do everything: no probe is refused, and no object is made or changed."""
    sandbox = desk.sandbox
    before = {name: dict(obj) for name, obj in sandbox.store.objects.items()}
    account = desk.services.gateway.account(sandbox.account_key)
    for permission in (*NEEDED, *NOT_NEEDED):
        for probe in permission.probes:
            assert account.missing_permission(probe) == ""
            answer = raw(desk, probe)
            assert "Unrecognized request URL" not in answer.text
            assert answer.ok == (probe.method == "GET" and "recover_asks" not in probe.path), probe
    assert sandbox.store.objects == before
    assert sandbox.webhooks.pending == 0


def raw(desk, probe):
    return requests.request(
        probe.method,
        desk.services.settings.stripe_api_base + probe.path,
        headers={"Authorization": f"Bearer {desk.sandbox.account_key}", "Connection": "close"},
        timeout=10,
    )


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "Paste the restricted key"),
        ("hello", "not a key of Stripe"),
        ("rk_test_", "not a key of Stripe"),
        ("pk_test_123456789", "publishable key"),
        ("whsec_123456789", "signing secret"),
        ("acct_123456789", "id of an account"),
        ("ca_123456789", "id of an application"),
        ("mk_123456789", "id of a key"),
        ("sk_org_live_123456789", "organisation"),
        ("rk_test_wrong123456789", "does not know this key"),
        ("rk_live_123456789012", "This is a live key"),
    ],
)
def test_what_is_no_such_key_gets_its_own_words(desk, pasted, words):
    refused(desk, desk.paste(pasted), words)


def test_a_test_key_for_a_live_connection_is_refused(desk):
    refused(desk, desk.paste(desk.sandbox.restricted_key, mode="live"), "This is a test key")


def test_a_live_key_needs_an_https_address(desk):
    key = desk.sandbox.new_key(livemode=True, permissions=CAREFUL)
    refused(desk, desk.paste(key, mode="live"), "https://")


def test_a_revoked_key_is_said_to_be_revoked(desk):
    desk.sandbox.revoke_key(desk.sandbox.restricted_key)
    refused(desk, desk.paste(desk.sandbox.restricted_key), "revoked or has expired")


@pytest.mark.parametrize("public", ["", "rk_test_123", "pk_live_123"])
def test_the_publishable_key_must_be_one_of_the_same_mode(desk, public):
    refused(desk, desk.paste(desk.sandbox.restricted_key, publishable_key=public), "pk_test_")


def test_while_stripe_is_away_nothing_is_half_connected(desk):
    desk.sandbox.faults.outage(100, "/v1/")
    answer = desk.paste(desk.sandbox.restricted_key)
    assert answer.status_code == 503
    assert "Nothing was changed" in answer.text
    assert desk.rows() == []


def test_a_key_we_do_not_like_today_says_nothing_about_a_permission(desk):
    desk.sandbox.faults.rate_limit_next(100, "/v1/charges")
    with pytest.raises(StripeUnavailable):
        restricted_keys.check(desk.services, desk.sandbox.restricted_key)


def test_pasting_again_renews_the_key_and_makes_no_second_account(desk):
    desk.paste(desk.sandbox.restricted_key)
    first = desk.only()
    fresh = desk.sandbox.new_key(permissions=CAREFUL)

    assert desk.paste(fresh).status_code == 303

    account = desk.only()
    assert account.id == first.id
    assert desk.services.vault.open(account.secret_key_sealed) == fresh
    assert len(desk.endpoints()) == 1


def test_an_account_of_another_company_is_refused(desk):
    desk.paste(desk.sandbox.restricted_key)
    before = desk.only()

    answer = desk.paste(desk.sandbox.restricted_key, client=desk.rival())

    assert answer.status_code == 400
    assert "connected to another company" in answer.text
    assert desk.only().company_id == before.company_id
    assert len(desk.endpoints()) == 1


# The endpoint


def test_an_endpoint_that_cannot_be_made_is_said_and_can_be_tried_again(desk):
    desk.sandbox.store.by_kind["webhook_endpoint"] = Full()

    page = desk.paste(desk.sandbox.restricted_key).location

    account = desk.only()
    assert account.webhook_secrets_sealed == ""
    text = desk.client.get(page).text
    assert "No webhook endpoint yet" in text
    assert "No webhook endpoint yet" in desk.client.get(ACCOUNTS).text
    assert health.can_verify_events(account) is False

    desk.sandbox.store.by_kind["webhook_endpoint"] = []
    desk.scene.post(desk.client, f"{page}/listen", page)
    assert "one webhook endpoint for us" in desk.client.get(page).text
    assert health.can_verify_events(desk.only())


class Full(list):
    """Stripe takes no more endpoints."""

    def append(self, _):
        raise ApiError(400, "You have reached the maximum of 16 test webhook endpoints.")


def sick(desk, **fields) -> str:
    desk.paste(desk.sandbox.restricted_key)
    desk.endpoints()[0].update(fields)
    return f"{ACCOUNTS}/{desk.only().id}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "disabled"}, "switched off at Stripe"),
        ({"api_version": "2019-01-01"}, "speaks 2019-01-01"),
        ({"api_version": None}, "own version"),
        ({"enabled_events": ["invoice.paid"]}, "does not send charge.dispute.closed"),
        (
            {"enabled_events": [*event_types.OF_AN_ACCOUNT, "payout.paid"]},
            "more than is needed: payout.paid",
        ),
        ({"url": "https://elsewhere.test/"}, "no webhook endpoint with the address"),
    ],
)
def test_a_sick_endpoint_is_named_and_mended_with_one_click(desk, fields, words):
    page = sick(desk, **fields)
    assert words in desk.client.get(page).text

    desk.scene.post(desk.client, f"{page}/listen", page)

    assert "one webhook endpoint for us" in desk.client.get(page).text
    ours = [one for one in desk.endpoints() if "recover.test" in one["url"]]
    assert len(ours) == 1


def test_old_endpoints_of_ours_go_and_strangers_stay(desk):
    page = sick(desk)
    account, stripe = desk.only(), desk.services.stripe(desk.only())
    old = f"https://old.test/webhooks/stripe/{account.hook_token}"
    stripe.create_webhook_endpoint(old, ["invoice.paid"])
    stripe.create_webhook_endpoint("https://theirs.test/hook", ["invoice.paid"])

    desk.scene.post(desk.client, f"{page}/listen", page)

    urls = {one["url"] for one in desk.endpoints()}
    assert urls == {"https://theirs.test/hook", health.endpoint_url(desk.services, account)}


def test_events_signed_by_the_old_and_the_new_secret_are_taken_while_they_change(desk):
    page = sick(desk)
    before = desk.services.vault.open(desk.only().webhook_secrets_sealed)
    for _ in range(3):
        desk.scene.post(desk.client, f"{page}/listen", page)
    secrets = desk.services.vault.open(desk.only().webhook_secrets_sealed).split(",")
    newest = desk.sandbox.webhooks.secrets[desk.endpoints()[0]["id"]]
    assert (len(secrets), secrets[0]) == (2, newest)
    assert before not in secrets  # two changes ago


def test_disconnecting_removes_the_endpoint_and_forgets_the_key(desk):
    page = sick(desk)
    desk.scene.post(desk.client, f"{page}/disconnect", f"{page}/disconnect")

    account = desk.only()
    assert desk.endpoints() == []
    assert account.disconnected_at is not None
    assert account.secret_key_sealed == account.webhook_secrets_sealed == ""
    assert "Disconnected" in desk.client.get(ACCOUNTS).text


def test_a_revoked_key_can_be_disconnected(desk):
    page = sick(desk)
    desk.sandbox.revoke_key(desk.sandbox.restricted_key)
    desk.scene.post(desk.client, f"{page}/disconnect", f"{page}/disconnect")
    assert (desk.only().leaving_at, desk.only().secret_key_sealed) == (None, "")


def test_the_clock_s_round_finishes_what_stripe_did_not_hear(desk, monkeypatch):
    page = sick(desk)
    desk.sandbox.faults.outage(100, "/v1/webhook_endpoints")
    desk.scene.post(desk.client, f"{page}/disconnect", f"{page}/disconnect")
    assert "Disconnecting" in desk.client.get(ACCOUNTS).text
    monkeypatch.setattr(jobs, "services", lambda: desk.services)
    assert jobs.finish_disconnecting() == 1
    desk.sandbox.faults.clear()
    assert jobs.finish_disconnecting() == 0
    assert desk.endpoints() == []


def test_coming_back_with_a_key_stops_the_leaving(desk):
    page = sick(desk)
    desk.sandbox.faults.outage(100, "/v1/webhook_endpoints")
    desk.scene.post(desk.client, f"{page}/disconnect", f"{page}/disconnect")
    desk.sandbox.faults.clear()
    desk.paste(desk.sandbox.restricted_key)
    assert disconnecting.finish_disconnecting(desk.services) == 0
    assert len(desk.endpoints()) == 1
    assert desk.only().disconnected_at is None


# Test mode


def written(desk, to_email: str) -> Message:
    account = desk.only()
    with desk.services.db.begin() as session:
        session.get_one(Account, account.id).mode = "recover"
    with desk.services.db.begin() as session:
        message = add(
            session,
            desk.services,
            session.get_one(Account, account.id),
            Draft(
                customer_id="cus_1",
                to_email=to_email,
                template="fresh_link",
                dedup_key=to_email,
                reason="A test.",
                details={},
            ),
        )
    send(desk.services, message.id)
    return next(one for one in desk.rows(Message) if one.id == message.id)


def test_in_test_mode_only_the_company_s_own_people_get_mail_until_it_says_otherwise(desk):
    page = sick(desk)
    stranger = written(desk, "real.person@elsewhere.test")
    assert (stranger.status, stranger.error[:9]) == ("observed", "test mode")
    assert written(desk, " ADA@acme.test ").status == "sent"

    answer = desk.scene.post(desk.client, f"{page}/test-mail", page, who="everyone")
    assert "every test customer" in desk.client.get(answer.location).text
    assert written(desk, "other.person@elsewhere.test").status == "sent"
    assert desk.record()[-1] == ("set", f"user:{desk.scene.user.id}")
    assert desk.scene.post(desk.client, f"{page}/test-mail", page, who="nobody").status_code == 400


def test_a_company_with_live_and_test_money_sees_one_at_a_time(desk):
    desk.connect()
    desk.scene.account = desk.only()
    desk.scene.failed(name="Tess Tester", amount=1100)
    desk.client.get("/")  # leads to the checklist, once
    assert "Tess Tester" in desk.client.get("/").text
    assert "Test mode." in desk.client.get("/").text
    assert "Show live mode" not in desk.client.get("/").text  # there is none to show
    with desk.services.db.begin() as session:
        row = session.get_one(Account, desk.only().id)
        session.add(live_twin(row, desk))

    live = desk.client.get("/").text
    assert "Live mode." in live
    assert "Tess Tester" not in live
    assert "$11.00" not in live
    desk.scene.post(desk.client, "/mode", "/", mode="test")
    assert "$11.00" in desk.client.get("/").text
    desk.scene.post(desk.client, "/mode", "/", mode="live")
    assert "$11.00" not in desk.client.get("/").text


def live_twin(row: Account, desk) -> Account:
    return Account(
        company_id=row.company_id,
        stripe_account_id=row.stripe_account_id,
        livemode=True,
        connection="platform",
        hook_token="another-token",
        mode="observe",
        name="Acme",
        timezone="UTC",
        campaign_key=row.campaign_key,
        campaign_version=row.campaign_version,
        connected_at=desk.services.now() - timedelta(days=1),
    )


# What is written down


def test_the_guide_has_the_same_table_as_the_code():
    lines = [line for line in CONNECTING.splitlines() if line.startswith("| ")][1:]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    table = [row for row in rows if row[2:3] in (("Read",), ("Write",))]
    assert table == [(one.section, one.name, one.access, one.why) for one in (*NEEDED, *OPTIONAL)]


def test_the_events_asked_for_are_those_that_are_answered():
    assert set(event_types.OF_THE_PLATFORM) == set(HANDLED_TYPES) == set(ROUTES)


def test_the_link_to_stripe_s_form_ticks_what_is_needed():
    url = create_key_url(livemode=True)
    assert url.startswith("https://dashboard.stripe.com/apikeys/create?")
    assert all(url.count(f"rak_{one.slug}") == 1 for one in (*NEEDED, *OPTIONAL))
    assert "/test/apikeys" in create_key_url(livemode=False)


def test_no_probe_of_what_is_not_needed_is_one_of_what_is():
    needed = {(one.name, one.access) for one in NEEDED}
    assert not needed & {(one.name, one.access) for one in NOT_NEEDED}
    assert all(one.probe.method == "GET" for one in NEEDED if one.access == READ)
