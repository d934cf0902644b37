"""The API as another program sees it: who may see what, pages, problems, and acts done once."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest
from api_cast import caller, record_of, rival
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from recover import api as package
from recover.integrations import api_tokens
from recover.integrations.api_tokens import SCOPES
from recover.models import Account, ApiToken, Attempt, RecoveryCase

pytestmark = pytest.mark.both_databases  # order and paging in SQL

pytest_plugins = ("web_cast",)

ALL = tuple(SCOPES)


@pytest.fixture
def api(scene):
    return caller(scene)


def problem(answer, status: int, kind: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    found = answer.get_json()
    assert found["type"].endswith(f"/api/v1/docs#problem-{kind}")
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    return found


def paths(case_id: int):
    """Each operation with an address to call it by."""
    for operation in package.OPERATIONS:
        path = operation.path.replace("{case}", f"case_{case_id}")
        for name, value in (("customer", "cus_1"), ("endpoint", "we_1"), ("delivery", "del_1")):
            path = path.replace(f"{{{name}}}", value)
        yield operation, path


def test_a_case_is_told_with_its_ids_amounts_and_times(scene, api):
    case = scene.failed("insufficient_funds", amount=2900)
    told = api.get(f"/cases/case_{case.id}").get_json()
    assert told["id"] == f"case_{case.id}"
    assert told["account"] == f"acc_{scene.account.id}"
    assert told["invoice"] == case.stripe_invoice_id
    assert told["amount_minor"] == told["amount_remaining_minor"] == 2900
    assert told["decline_code"] == "insufficient_funds"
    assert told["customer_email"] == "sam@subscriber.test"
    assert told["opened_at"].endswith("Z")
    assert told["closed_at"] is None


def test_cases_are_filtered(scene, api):
    first, second = scene.failed(), scene.failed(email="ann@subscriber.test")
    with scene.services.db.begin() as session:
        session.get_one(RecoveryCase, first.id).state = "recovered"
        later = session.get_one(RecoveryCase, second.id)
        later.opened_at = first.opened_at + timedelta(hours=2)

    def ids(**query):
        return [one["id"] for one in api.get("/cases", query_string=query).get_json()["data"]]

    one, two = f"case_{first.id}", f"case_{second.id}"
    border = (first.opened_at + timedelta(hours=1)).isoformat()
    assert ids() == [two, one]
    assert ids(state="open") == [two]
    assert ids(customer=first.stripe_customer_id) == [one]
    assert ids(subscription=second.stripe_subscription_id) == [two]
    assert ids(created_gte=border) == [two]
    assert ids(created_lt=border) == [one]
    assert ids(account=f"acc_{scene.account.id}") == [two, one]


def test_pages_are_stable_while_cases_come_in(scene, api):
    cases = [scene.failed(email=f"sub{number}@s.test") for number in range(5)]
    first = api.get("/cases?limit=2").get_json()
    scene.failed(email="late@s.test")
    second = api.get(f"/cases?limit=2&after={first['next']}").get_json()
    third = api.get(f"/cases?limit=2&after={second['next']}").get_json()
    seen = [one["id"] for page in (first, second, third) for one in page["data"]]
    assert seen == [f"case_{case.id}" for case in reversed(cases)]
    assert third["next"] is None


def test_the_access_of_a_customer_reads_their_rows_alone(scene, api):
    if scene.services.db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by the size of a table, and this one is small")
    asked = []

    def listen(_connection, _cursor, statement, parameters, *_):
        if "FROM cases" in statement:
            asked.append((statement, parameters))

    sqlalchemy_event.listen(scene.services.db.engine, "before_cursor_execute", listen)
    api.get("/customers/cus_1/access")
    sqlalchemy_event.remove(scene.services.db.engine, "before_cursor_execute", listen)
    [(statement, parameters)] = asked
    with scene.services.db.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert "ix_cases_customer" in str(plan)


def test_a_page_is_found_by_an_index(scene):
    query = (
        select(RecoveryCase.id)
        .where(RecoveryCase.account_id == 1, RecoveryCase.state == "open", RecoveryCase.id < 9)
        .order_by(RecoveryCase.id.desc())
    )
    if scene.services.db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by the size of a table, and this one is small")
    text = str(query.compile(scene.services.db.engine, compile_kwargs={"literal_binds": True}))
    with scene.services.db.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    assert "ix_cases_state_by_id" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def test_the_rest_of_a_case_is_told_too(scene, api):
    case = scene.failed()
    public = f"case_{case.id}"
    timeline = api.get(f"/cases/{public}/timeline").get_json()["data"]
    assert timeline[-1]["verb"] == "open"
    attempts = api.get(f"/attempts?case={public}").get_json()["data"]
    assert [one["outcome"] for one in attempts] == ["failed"]
    assert api.get(f"/messages?case={public}").get_json()["data"] == []
    accounts = api.get("/accounts").get_json()["data"]
    assert [one["name"] for one in accounts] == ["Acme"]


def test_figures_are_by_currency(scene, api):
    scene.failed(amount=2900)
    scene.failed(amount=1000, currency="eur", email="ann@s.test")
    told = api.get("/stats").get_json()
    at_risk = {one["currency"]: one["at_risk_minor"] for one in told["currencies"]}
    assert at_risk == {"usd": 2900, "eur": 1000}
    assert told["cohort"]["unfinished"] == 2
    assert told["cohort"]["recovered_share"] is None


def test_access_is_fine_then_grace_then_limited(scene, api):
    case = scene.failed()
    path = f"/customers/{case.stripe_customer_id}/access"
    assert api.get("/customers/cus_never_heard_of/access").get_json()["state"] == "fine"
    grace = api.get(path).get_json()
    assert grace["state"] == "grace"
    assert grace["cases"] == [f"case_{case.id}"]
    assert [one["subscription"] for one in grace["subscriptions"]] == [case.stripe_subscription_id]
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).grace_days = 0
        session.get_one(RecoveryCase, case.id).paid_until = None
    limited = api.get(path).get_json()
    assert limited["state"] == "limited"
    assert limited["until"] == grace["since"]
    other = api.get(f"{path}?subscription=sub_other").get_json()
    assert other["state"] == "fine"


def test_what_is_prepaid_is_read_from_stripe(scene, api):
    """A renewal begins the time it asks for: nothing after it is prepaid."""
    case = scene.failed()
    assert case.subscription_status == "past_due"
    assert case.paid_until is not None
    assert case.paid_until <= case.failed_at


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", "Send a token"),
        ("Basic cmN2", "Send a token"),
        ("Bearer sk_test_123", "no token of ours"),
        ("Bearer rcv_test_" + "0" * 48, "not known"),
        ("Bearer rcv_test_" + "0" * 4800, "no token of ours"),
    ],
)
def test_without_a_token_there_is_nothing(scene, header, said):
    case = scene.failed()
    for operation, path in paths(case.id):
        answer = scene.client.open(
            f"/api/v1{path}", method=operation.method, headers={"Authorization": header}
        )
        assert said in problem(answer, 401, "unauthorized")["detail"]
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_that_was_revoked_or_expired_says_so(scene):
    soon = scene.services.now() + timedelta(minutes=1)
    brief, gone = caller(scene, expires_at=soon), caller(scene)
    assert brief.get("/cases").status_code == 200
    scene.sandbox.clock.advance_to(soon)
    assert "expired" in problem(brief.get("/cases"), 401, "unauthorized")["detail"]
    with scene.services.db.read() as session:
        row = api_tokens.of_company(session, scene.account.company_id)[0]
    assert gone.get("/cases").status_code == 200
    assert not api_tokens.revoke(
        scene.services, rival(scene.services).company_id, row.id, actor="x"
    )
    assert api_tokens.revoke(scene.services, row.company_id, row.id, actor="user:1")
    assert "revoked" in problem(gone.get("/cases"), 401, "unauthorized")["detail"]


def test_each_operation_needs_its_scope_and_says_which(scene):
    case = scene.failed()
    for operation, path in paths(case.id):
        others = [scope for scope in SCOPES if scope != operation.scope]
        answer = caller(scene, others)(operation.method, path)
        assert operation.scope in problem(answer, 403, "forbidden")["detail"]


def test_another_company_s_token_finds_nothing(scene):
    case = scene.failed()
    theirs = rival(scene.services)
    spy = caller(scene, company_id=theirs.company_id)
    made = caller(scene).post(
        "/webhook-endpoints", json={"url": "http://127.0.0.1/x", "events": ["case.opened"]}
    )
    assert made.status_code == 201
    endpoint = made.get_json()["id"]
    test = caller(scene).post(f"/webhook-endpoints/{endpoint}/test").get_json()["id"]
    for operation, path in paths(case.id):
        path = path.replace("cus_1", case.stripe_customer_id)  # noqa: PLW2901
        path = path.replace("we_1", endpoint).replace("del_1", test)  # noqa: PLW2901
        if "{" in operation.path and operation.name != "get_access":
            body = {"json": {}} if operation.body else {}
            problem(spy(operation.method, path, **body), 404, "not_found")
    assert spy.get("/cases").get_json()["data"] == []
    assert spy.get("/attempts").get_json()["data"] == []
    assert spy.get("/messages").get_json()["data"] == []
    assert spy.get("/webhook-endpoints").get_json()["data"] == []
    assert spy.get("/stats?period=all").get_json()["currencies"] == []
    # The same as for a customer whom nobody has heard of: nothing can be told apart.
    assert spy.get(f"/customers/{case.stripe_customer_id}/access").get_json()["state"] == "fine"
    problem(spy.get(f"/cases?account=acc_{scene.account.id}"), 404, "not_found")
    assert [one["name"] for one in spy.get("/accounts").get_json()["data"]] == ["Rival"]


def test_a_live_token_sees_no_test_data_and_one_account_s_token_no_other_account(scene):
    case = scene.failed()
    live = caller(scene, livemode=True)
    problem(live.get(f"/cases/case_{case.id}"), 404, "not_found")
    with scene.services.db.begin() as session:
        session.add(
            Account(
                company_id=scene.account.company_id,
                stripe_account_id="acct_2",
                livemode=False,
                connection="key",
                hook_token="second",
                mode="observe",
                name="Second",
                campaign_key="default",
                campaign_version=1,
                connected_at=scene.services.now(),
            )
        )
        session.flush()
        second = session.scalars(select(Account.id).order_by(Account.id.desc())).first()
    only = caller(scene, account_id=second)
    problem(only.get(f"/cases/case_{case.id}"), 404, "not_found")
    assert [one["name"] for one in only.get("/accounts").get_json()["data"]] == ["Second"]
    both = caller(scene)
    assert len(both.get("/accounts").get_json()["data"]) == 2
    body = {"url": "http://127.0.0.1/x", "events": ["case.opened"]}
    found = problem(both.post("/webhook-endpoints", json=body), 400, "invalid")
    assert found["errors"][0]["field"] == "account"


def test_a_token_cannot_be_made_for_another_company_s_account(scene):
    theirs = rival(scene.services)
    with pytest.raises(api_tokens.TokenFault, match="no such account"):
        caller(scene, account_id=theirs.id)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=1e1", "limit"),
        ("limit=+5", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("state=won", "state"),
        ("after=12", "after"),
        ("after=case_0", "after"),
        ("after=case_99999999999999999999", "after"),
        ("after=att_1", "after"),
        ("customer=%00", "customer"),
        ("created_gte=yesterday", "created_gte"),
        ("created_gte=1700000000", "created_gte"),
        ("created_gte=2027-03-01T09:00:00", "created_gte"),
        ("created_gte=2027-02-30T09:00:00Z", "created_gte"),
        ("colour=red", "colour"),
    ],
)
def test_what_is_not_understood_is_named_by_its_field(scene, api, query, field):
    found = problem(api.get(f"/cases?{query}"), 400, "invalid")
    assert [(one["in"], one["field"]) for one in found["errors"]] == [("query", field)]


def test_bodies_are_json_and_short(api):
    path, json_type = "/webhook-endpoints", {"Content-Type": "application/json"}
    problem(api.post(path, data="url=x"), 415, "not_json")
    problem(api.post(path, data="{", headers=json_type), 400, "unreadable")
    problem(api.post(path, data=b"\xff", headers=json_type), 400, "unreadable")
    problem(api.post(path, data="[]", headers=json_type), 400, "invalid")
    problem(api.post(path, data=b"x" * 70_000, headers=json_type), 413, "too_large")
    wrong = {"url": 5, "events": ["case.opened", "case.won"], "colour": "red"}
    found = problem(api.post(path, json=wrong), 400, "invalid")
    assert {one["field"] for one in found["errors"]} == {"url", "events.1", "colour"}


def test_errors_under_the_prefix_are_problems_whoever_asks(scene):
    problem(scene.client.get("/api/v1/no/such/thing"), 404, "not_found")
    problem(scene.client.get("/api"), 404, "not_found")
    refused = scene.client.delete("/api/v1/cases")
    problem(refused, 405, "method_not_allowed")
    assert refused.headers["Allow"] == "GET, HEAD"
    assert "Set-Cookie" not in refused.headers


def test_a_fault_of_ours_shows_no_detail(scene, monkeypatch):
    def break_down(*_):
        raise RuntimeError("the secret detail")

    monkeypatch.setattr(api_tokens, "holder", break_down)
    answer = scene.client.get("/api/v1/cases")
    problem(answer, 500, "ours")
    assert "secret" not in answer.text


def test_a_token_that_calls_too_often_waits(scene):
    settings = dataclasses.replace(scene.services.settings, api_calls_per_minute=2)
    scene.services = dataclasses.replace(scene.services, settings=settings)
    scene.app = type(scene.app)("recover.web")
    package.mount(scene.app, scene.services)
    api, other = caller(scene), caller(scene)
    left = [api.get("/accounts").headers["RateLimit-Remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    refused = api.get("/accounts")
    problem(refused, 429, "too_many")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert other.get("/accounts").status_code == 200


def test_without_redis_nobody_is_turned_away(scene, monkeypatch):
    monkeypatch.setattr(type(scene.services.enqueue), "count", lambda *_: None)
    assert caller(scene).get("/accounts").status_code == 200


def test_a_retry_charges_once_however_often_it_is_asked_for(scene, api):
    case = scene.failed("insufficient_funds")
    scene.sandbox.script(case.stripe_customer_id, ["approve"])
    key = {"Idempotency-Key": "retry-1"}
    first = api.post(f"/cases/case_{case.id}/retry", headers=key)
    assert first.get_json()["outcome"] == "paid", first.text
    assert first.get_json()["case"]["state"] == "recovered"
    again = api.post(f"/cases/case_{case.id}/retry", headers=key)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.get_json() == first.get_json()
    without = api.post(f"/cases/case_{case.id}/retry").get_json()
    assert without["outcome"] == "not_charged"
    with scene.services.db.read() as session:
        paid = session.scalars(select(Attempt).where(Attempt.outcome == "succeeded")).all()
    assert [row.trigger for row in paid] == ["founder"]
    asked = record_of(scene.services, case_id=case.id, verb="ask")
    assert {row.actor for row in asked} == {api.actor}


def test_a_key_is_for_one_request_of_one_token(scene, api):
    one, two = scene.failed(), scene.failed(email="ann@s.test")
    key = {"Idempotency-Key": "the-key"}
    assert api.post(f"/cases/case_{one.id}/refresh", headers=key).status_code == 200
    problem(api.post(f"/cases/case_{two.id}/refresh", headers=key), 422, "key_reused")
    assert caller(scene).post(f"/cases/case_{two.id}/refresh", headers=key).status_code == 200
    problem(
        api.post(f"/cases/case_{one.id}/refresh", headers={"Idempotency-Key": "x" * 256}),
        400,
        "invalid",
    )


def test_while_the_first_is_under_way_a_repeat_waits(scene, api, monkeypatch):
    case = scene.failed()
    path, key = f"/cases/case_{case.id}/refresh", {"Idempotency-Key": "k"}
    seen = []

    def meanwhile(*_):
        seen.append(caller_again.post(path, headers=key))

    caller_again = dataclasses.replace(api, client=scene.app.test_client())
    monkeypatch.setattr("recover.workflow.sync.sync", meanwhile)
    assert api.post(path, headers=key).status_code == 200
    problem(seen[0], 409, "under_way")


def test_an_answer_that_was_our_fault_is_not_kept(scene, api, stripe):
    case = scene.failed()
    key = {"Idempotency-Key": "k"}
    path = f"/cases/case_{case.id}/refresh"
    scene.sandbox.faults.outage(20)
    refused = api.post(path, headers=key)
    problem(refused, 503, "stripe_away")
    assert int(refused.headers["Retry-After"]) > 0
    scene.sandbox.faults.clear()
    assert api.post(path, headers=key).status_code == 200


def test_nothing_is_charged_while_the_account_observes(scene, api):
    case = scene.failed("insufficient_funds")
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).mode = "observe"
    problem(api.post(f"/cases/case_{case.id}/retry"), 409, "conflict")


def test_links_are_switched_off(scene, api):
    case = scene.failed()
    link = scene.link(case)
    assert scene.client.get(link).status_code == 200
    told = api.post(f"/cases/case_{case.id}/revoke-links").get_json()
    assert told == {"object": "revoked_links", "case": f"case_{case.id}", "count": 1}
    assert "switched off" in scene.client.get(link).text
    [line] = record_of(scene.services, verb="revoke", case_id=case.id)
    assert line.actor == api.actor


def test_reading_people_s_data_is_on_record_once_an_hour(scene, api):
    scene.failed()
    for _ in range(3):
        api.get("/cases")
        api.get("/accounts")
    assert len(record_of(scene.services, verb="view")) == 1
    scene.sandbox.clock.advance_to(scene.services.now() + timedelta(hours=2))
    api.get("/messages")
    lines = record_of(scene.services, verb="view")
    assert [line.actor for line in lines] == [api.actor] * 2
    assert "billing" in lines[0].reason


def test_the_last_use_is_written_to_the_minute(scene, api):
    def used():
        with scene.services.db.read() as session:
            return session.get_one(ApiToken, api.id).used_at

    api.get("/accounts")
    first = used()
    api.get("/accounts")
    assert used() == first
    scene.sandbox.clock.advance_to(scene.services.now() + timedelta(minutes=2))
    api.get("/accounts")
    assert used() > first


def test_the_token_itself_is_nowhere_in_the_database(scene, api):
    with scene.services.db.read() as session:
        row = session.get_one(ApiToken, api.id)
    assert row.last4 == api.token[-4:]
    stored = json.dumps([row.token_hash, row.name, row.scopes])
    assert api.token.removeprefix("rcv_test_") not in stored
    [line] = record_of(scene.services, verb="create", about=f"api_token:{api.id}")
    assert api.token not in f"{line.reason}{line.details}"


def test_the_description_is_whole_and_public(scene):
    document = scene.client.get("/api/v1/openapi.json").get_json()
    assert document["openapi"] == "3.1.0"
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    assert described == {(one.method, one.path) for one in package.OPERATIONS}
    assert all(one.summary and one.scope in ALL for one in package.OPERATIONS)


def test_the_page_describes_every_operation_and_every_problem(scene):
    answer = scene.client.get("/api/v1/docs")
    assert answer.status_code == 200
    for operation in package.OPERATIONS:
        assert f'id="{operation.name}"' in answer.text
    assert 'id="problem-too_many"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text
