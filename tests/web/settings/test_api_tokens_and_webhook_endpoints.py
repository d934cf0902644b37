"""The settings pages for what others build on: tokens, days of grace, webhook endpoints."""

from __future__ import annotations

import re

import pytest
from api_cast import caller, deliveries, receiving, record_of, rival
from sqlalchemy import select

from recover.integrations import webhook_delivery, webhook_endpoints
from recover.models import Account, ApiToken, User, WebhookEndpoint

pytest_plugins = ("web_cast",)

TOKENS, HOOKS = "/settings/api", "/settings/webhooks"


@pytest.fixture
def client(scene):
    return scene.sign_in()


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


def rows(scene, model):
    with scene.services.db.read() as session:
        return list(session.scalars(select(model).order_by(model.id)))


def make_token(scene, client, **fields):
    form = {"name": "Our billing", "scope": ["access:read"], "life": "90"} | fields
    return scene.post(client, TOKENS, TOKENS, **form)


def add_endpoint(scene, client, receiver, **fields):
    form = {"url": receiver.url, "event": ["case.opened", "case.recovered"]} | fields
    answer = scene.post(client, HOOKS, HOOKS, **form)
    if found := re.search(r"rcv_whsec_\w+", answer.text):
        receiver.secrets.append(found[0])
    return answer


def test_a_token_is_shown_once_and_works(scene, client):
    answer = make_token(scene, client)
    assert answer.status_code == 201
    text = re.search(r"rcv_test_\w+", answer.text)[0]
    assert answer.headers["Cache-Control"] == "no-store"
    page = client.get(TOKENS).text
    assert text not in page
    assert text[-4:] in page
    headers = {"Authorization": f"Bearer {text}"}
    assert scene.client.get("/api/v1/customers/cus_1/access", headers=headers).status_code == 200
    assert scene.client.get("/api/v1/cases", headers=headers).status_code == 403
    [line] = record_of(scene.services, verb="create")
    assert line.actor == f"user:{scene.user.id}"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": " "}, "Name what the token is for"),
        ({"scope": []}, "Choose at least one thing"),
        ({"scope": ["everything"]}, "There is no scope"),
        ({"life": "999999"}, "Choose how long"),
        ({"account": "999"}, "no such account"),
    ],
)
def test_a_token_that_cannot_be_is_refused_in_words_and_the_form_is_kept(
    scene, client, fields, said
):
    answer = make_token(scene, client, **fields)
    assert answer.status_code == 400
    assert said in answer.text
    assert fields.get("name", "Our billing").strip() in answer.text
    assert rows(scene, ApiToken) == []


def test_revoking_asks_first_and_is_for_good(scene, client):
    api = caller(scene)
    path = f"{TOKENS}/{api.id}/revoke"
    assert "stops working at once" in client.get(path).text
    assert api.get("/accounts").status_code == 200
    scene.post(client, path, path)
    assert api.get("/accounts").status_code == 401
    assert "Revoked" in client.get(TOKENS).text


def test_days_of_grace_are_saved_with_what_they_were(scene, client):
    path = f"{TOKENS}/grace/{scene.account.id}"
    scene.post(client, path, TOKENS, days="7")
    assert rows(scene, Account)[0].grace_days == 7
    assert "it was 14" in client.get(TOKENS).text
    [line] = record_of(scene.services, about="setting:grace_days")
    assert line.details == {"before": 14, "after": 7}
    for wrong in ("-1", "61", "soon", ""):
        assert "from 0 to 60" in scene.post(client, path, TOKENS, days=wrong).text
    assert rows(scene, Account)[0].grace_days == 7


def test_an_endpoint_s_secret_is_shown_once_and_signs(scene, client, receiver):
    answer = add_endpoint(scene, client, receiver)
    assert answer.status_code == 201
    [row] = rows(scene, WebhookEndpoint)
    assert receiver.secrets[0] not in client.get(f"{HOOKS}/{row.id}").text
    scene.post(client, f"{HOOKS}/{row.id}/test", f"{HOOKS}/{row.id}")
    webhook_delivery.send_due(scene.services)
    assert [event["type"] for event in receiver.events] == ["webhook.test"]
    page = client.get(f"{HOOKS}/{row.id}").text
    assert "Delivered" in page
    assert "thank you" in page


def test_a_wrong_address_is_named_and_the_form_is_kept(scene, client, receiver):
    answer = add_endpoint(scene, client, receiver, url="ftp://example.com")
    assert answer.status_code == 400
    assert "must begin with https://" in answer.text
    assert 'value="ftp://example.com"' in answer.text
    assert "Choose at least one event." in add_endpoint(scene, client, receiver, event=[]).text


def test_an_endpoint_is_changed_switched_off_given_a_secret_and_removed(scene, client, receiver):
    add_endpoint(scene, client, receiver)
    [row] = rows(scene, WebhookEndpoint)
    path = f"{HOOKS}/{row.id}"
    scene.post(client, path, path, url=f"{receiver.url}&v=2", event=["case.closed"])
    [changed] = rows(scene, WebhookEndpoint)
    assert changed.events == ["case.closed"]
    assert not changed.enabled
    fresh = scene.post(client, f"{path}/secret", path)
    assert "rcv_whsec_" in fresh.text
    assert "24 hours" in fresh.text
    scene.post(client, f"{path}/remove", f"{path}/remove")
    assert client.get(path).status_code == 404
    assert "No endpoint yet" in client.get(HOOKS).text
    verbs = [line.verb for line in record_of(scene.services, account_id=scene.account.id)]
    assert verbs == ["create", "change", "rotate", "remove"]


def test_a_failed_event_is_sent_again_by_a_button(scene, client, receiver):
    add_endpoint(scene, client, receiver)
    receiver.answers = [500]
    scene.failed()
    webhook_delivery.send_due(scene.services)
    [row] = deliveries(scene.services)
    with scene.services.db.begin() as session:
        session.get_one(type(row), row.id).status = "given_up"
    path = f"{HOOKS}/{row.endpoint_id}"
    assert "Given up" in client.get(path).text
    scene.post(client, f"{path}/again/{row.id}", path)
    webhook_delivery.send_due(scene.services)
    assert [event["id"] for event in receiver.events] == [row.event_id]


def test_the_dashboard_says_where_recover_gave_up(scene, client, receiver):
    add_endpoint(scene, client, receiver)
    with scene.services.db.begin() as session:
        row = session.scalars(select(WebhookEndpoint)).one()
        row.enabled, row.trouble = False, "Switched off after 5 days of failures. The last: x"
    assert "Switched off after 5 days" in client.get("/").text
    assert "Repair your side" in client.get(f"{HOOKS}/{row.id}").text


def test_only_owners_come_in(scene):
    with scene.services.db.begin() as session:
        member = User(
            company_id=scene.account.company_id,
            email="mo@acme.test",
            role="member",
            created_at=scene.services.now(),
        )
        session.add(member)
    client = scene.sign_in(member)
    for path in (TOKENS, HOOKS):
        assert client.get(path).status_code == 403
        token = {"csrf_token": scene.csrf(client, "/settings/team")}
        assert client.post(path, data=token).status_code == 403


def test_another_company_s_owner_finds_nothing(scene, client, receiver):
    add_endpoint(scene, client, receiver)
    api = caller(scene)
    [row] = rows(scene, WebhookEndpoint)
    delivery = webhook_endpoints.send_test(scene.services, row)
    theirs = rival(scene.services)
    with scene.services.db.begin() as session:
        spy = User(
            company_id=theirs.company_id, email="spy@rival.test", created_at=scene.services.now()
        )
        session.add(spy)
    foreign = scene.sign_in(spy)
    assert "billing" not in foreign.get(TOKENS).text.replace("Our billing service", "")
    assert receiver.url not in foreign.get(HOOKS).text
    for path in (f"{TOKENS}/{api.id}/revoke", f"{HOOKS}/{row.id}", f"{HOOKS}/{row.id}/remove"):
        assert foreign.get(path).status_code == 404, path
    acts = [f"{HOOKS}/{row.id}{act}" for act in ("", "/secret", "/test", "/remove")]
    acts += [f"{HOOKS}/{row.id}/again/{delivery.id}", f"{TOKENS}/{api.id}/revoke"]
    for path in acts:
        token = {"csrf_token": scene.csrf(foreign, "/")}
        assert foreign.post(path, data=token).status_code == 404, path
    grace = {"csrf_token": scene.csrf(foreign, "/"), "days": "1"}
    assert foreign.post(f"{TOKENS}/grace/{scene.account.id}", data=grace).status_code == 404
    assert api.get("/accounts").status_code == 200
