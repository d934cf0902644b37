"""No company ever sees or touches another's: every route and every query is walked.

How a route is asked stands in `isolation_walk`, how a query is judged in `isolation_watch`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import product

import pytest
from isolation_walk import (
    CSRF,
    PARAMETERS,
    address,
    ask,
    call,
    foreign,
    operations,
    routes,
    theirs_in,
)
from isolation_watch import ALLOWED, OF_A_PERSON, Judge, Statement, Watch, unbound
from isolation_words import SETTING, WORDLESS
from learning_cast import add_cases
from sqlalchemy import Table, delete, exists, select, update

from recover.dunning.engine import Model
from recover.foundation.database import Base
from recover.integrations import payloads
from recover.learning import training
from recover.models import Account, AccountEvidence, Link, RecoveryCase, RetryModel, SignIn, User
from recover.web import access_control

pytestmark = pytest.mark.both_databases  # every query of the product

pytest_plugins = ("web_cast", "isolation_cast")

MASKED = re.compile(r'name="csrf_token" value="[^"]+"|req_sandbox\d+')
REFUSED = (403, 404)


def test_both_companies_have_rows_in_every_table_there_is(worlds):
    for side in (worlds.ours, worlds.theirs):
        for name, rows in worlds.snapshot(side).items():
            assert rows, f"{name} has no row of {side.marker}'s: see isolation_cast"
        assert len(side.keys["accounts"]) == 2
    everything = {table.name for table in Base.metadata.sorted_tables}
    assert set(worlds.theirs.keys) == everything
    marker = worlds.theirs.marker.lower()
    held = worlds.snapshot(worlds.theirs).items()
    assert {name for name, rows in held if marker not in str(rows).lower()} <= WORDLESS


def test_every_row_belongs_to_one_company_alone(worlds):
    """Else a table's owner would be looked for in the wrong place."""
    sides = (worlds.ours, worlds.theirs)
    with worlds.reading() as connection:
        for table in Base.metadata.sorted_tables:
            key = list(table.primary_key)
            found = [set(connection.execute(select(*key).where(s.owns(table)))) for s in sides]
            assert not found[0] & found[1], table.name
            assert found[0] | found[1] == set(connection.execute(select(*key))), table.name


def test_every_route_refuses_the_other_company_s_ids_and_changes_nothing(worlds):
    before, tried = worlds.snapshot(worlds.theirs), []
    for route in routes(worlds):
        for path in foreign(worlds, route):
            answer = ask(worlds, route, path)
            tried.append(route.endpoint)
            assert answer.status_code in REFUSED, f"{route} as {path}: {answer.status_code}"
            assert not theirs_in(worlds, answer), f"{route} as {path}"
    assert worlds.snapshot(worlds.theirs) == before
    assert len(tried) >= 60
    assert {"web.case_page.retry", "web.members.remove", "api.resend_delivery"} <= set(tried)


def test_the_same_addresses_with_our_own_ids_do_what_they_are_for(worlds):
    """Else a route that is broken for everybody would pass for a safe one."""
    worlds.keep()
    for route in routes(worlds):
        if route.owned:
            worlds.restore()
            answer = ask(worlds, route, address(worlds, route, worlds.ours))
            assert answer.status_code < 400, f"{route}: {answer.status_code} {answer.text[-900:]}"


# Where a page may look for what is meant, beside its address: ids and words of theirs.
def _named(worlds) -> tuple[dict[str, str], ...]:
    theirs = worlds.theirs
    ids = {name: str(make(worlds, theirs, "card_page", 0)) for name, make in PARAMETERS.items()}
    ids |= {
        "account": ids["account_id"],
        "case": ids["case_id"],
        "company_id": str(theirs.id("companies")),
        "user_id": str(theirs.id("users")),
        "id": str(theirs.keys["record"][SETTING]),
        "saved": str(theirs.keys["record"][SETTING]),
        "chain": f"account:{theirs.id('accounts')}",
        "actor": f"user:{theirs.id('users')}",
        "invoice": theirs.rows["cases"][0]["stripe_invoice_id"],
        "who": theirs.rows["cases"][0]["customer_email"],
        "format": "csv",
    }
    words = {"q": theirs.marker[:6], "state": "all", "period": "all", "preview": "1"}
    cursors = {"after": "99999999999999999-99", "before": "999999999", "page": "1"}
    return ids, words | cursors, {"who": theirs.rows["cases"][0]["stripe_customer_id"]}


def test_no_page_or_form_shows_or_takes_what_is_theirs(worlds):
    """Whatever ids and words of theirs are given where a page may look for them."""
    before = worlds.snapshot(worlds.theirs)
    worlds.keep()
    for route in routes(worlds):
        if route.operation or route.signed:
            continue
        for given in ({}, *_named(worlds)):
            worlds.restore()
            answer = ask(worlds, route, address(worlds, route, worlds.ours), given=given)
            assert answer.status_code < 500 or answer.status_code == 503, f"{route} {given}"
            assert not theirs_in(worlds, answer, *given.values()), f"{route} {given}"
            assert worlds.snapshot(worlds.theirs) == before, f"{route} {given}"


def test_our_pages_are_the_same_to_the_letter_whether_or_not_they_exist(alone):
    """So no sum, count or order of ours depends on them either."""
    worlds, before = alone, {}
    for again in (False, True):
        if again:
            worlds.restore()
            worlds.bring_theirs()
        worlds.keep()
        for route in routes(worlds):
            if route.method == "GET" and not route.signed:
                worlds.restore()
                path = address(worlds, route, worlds.ours)
                body = MASKED.sub("", ask(worlds, route, path).get_data(as_text=True))
                assert before.setdefault(path, body) == body, path
    assert len(before) >= 40


def test_whoever_serves_both_companies_sees_one_at_a_time(worlds):
    """And of the other its name alone, where they choose between the two."""
    both = {"email": worlds.ours.rows["users"][0]["email"], "role": "viewer"}
    with worlds.services.db.begin() as session:
        place = User(
            company_id=worlds.theirs.id("companies"), **both, created_at=worlds.services.now()
        )
        session.add(place)
    name = worlds.theirs.rows["companies"][0]["name"]
    worlds.keep()
    for route in routes(worlds):
        if route.method == "GET" and not route.signed and not route.operation:
            worlds.restore()
            answer = ask(worlds, route, address(worlds, route, worlds.ours))
            names_it = route.endpoint == "web.company_switch.show"
            assert not theirs_in(worlds, answer, *[name] * names_it), str(route)
    for route in routes(worlds):
        if not route.operation:
            for path in foreign(worlds, route):
                assert ask(worlds, route, path).status_code in REFUSED, f"{route} as {path}"


def test_a_session_turned_to_the_other_company_has_left_the_first(worlds):
    ours, theirs = worlds.ours, worlds.theirs
    with worlds.services.db.begin() as session:
        place = User(
            company_id=theirs.id("companies"),
            email=ours.rows["users"][0]["email"],
            role="viewer",
            created_at=worlds.services.now(),
        )
        session.add(place)
    browser = worlds.browser()
    case = [f"/cases/{side.id('cases')}" for side in (ours, theirs)]
    assert [browser.get(path).status_code for path in case] == [200, 404]
    token = CSRF.search(browser.get("/companies").text)[1]
    browser.post(f"/companies/{place.id}", data={"csrf_token": token})
    assert [browser.get(path).status_code for path in case] == [404, 200]
    answer = browser.post(f"{case[1]}/retry", data={"csrf_token": token})
    assert answer.status_code == 403  # an owner at ours is a viewer at theirs


# The API


def test_a_session_opens_nothing_of_the_api(worlds):
    for side, route in product((worlds.ours, worlds.theirs), operations()):
        path = address(worlds, route, worlds.theirs)
        answer = call(worlds, route, path, {}, {}, client=worlds.browser(side))
        assert answer.status_code == 401, str(route)
        assert not theirs_in(worlds, answer), str(route)


def test_the_api_takes_nothing_of_theirs_beside_the_address_either(worlds):
    ids, _, _ = _named(worlds)
    ids |= {"account": f"acc_{worlds.theirs.id('accounts')}", "case": ids["case"]}
    ids |= {"subscription": worlds.theirs.rows["cases"][0]["stripe_subscription_id"]}
    ids["case"] = payloads.public_id(payloads.CASE, worlds.theirs.id("cases"))
    before, asked = worlds.snapshot(worlds.theirs), 0
    for route in operations():
        takes = route.operation.body or route.operation.query
        for name in takes.model_fields if takes else ():
            if name in ids:
                given = {name: ids[name]}
                answer = ask(worlds, route, address(worlds, route, worlds.ours), given=given)
                asked += 1
                assert answer.status_code == (404 if name == "account" else 200), f"{route} {given}"
                assert not theirs_in(worlds, answer, ids[name]), f"{route} {given}"
                assert not answer.get_json().get("data"), f"{route} {given}"
    assert asked >= 10
    assert worlds.snapshot(worlds.theirs) == before


def test_cursors_of_theirs_lead_through_our_own_rows_alone(worlds):
    for route in operations():
        query = route.operation.query
        if query and "after" in query.model_fields:
            path = address(worlds, route, worlds.ours)
            [prefix] = {
                one["id"].rpartition("_")[0] for one in ask(worlds, route, path).json["data"]
            }
            answer = ask(worlds, route, path, given={"after": f"{prefix}_999999"})
            assert answer.status_code == 200, str(route)
            assert answer.json["data"], str(route)
            assert not theirs_in(worlds, answer), str(route)


def test_a_token_of_one_account_sees_that_account_alone(worlds):
    """Row 0 is of the first account, and this token of the second."""
    bound, other = 1, worlds.ours.id("accounts", 0)
    for route in operations():
        answer = ask(worlds, route, address(worlds, route, worlds.ours), which=bound)
        if route.owned or route.endpoint == "api.create_webhook_endpoint":
            assert answer.status_code == 404, str(route)
        else:
            assert answer.status_code == 200, str(route)
        if answer.status_code == 200:
            assert f"acc_{other}" not in answer.text, str(route)
    own = ask(worlds, operations()[0], "/api/v1/cases", which=bound)
    assert [one["account"] for one in own.json["data"]] == [f"acc_{worlds.ours.id('accounts', 1)}"]


def test_a_customer_of_theirs_is_to_us_as_one_that_nobody_has(worlds):
    [route] = [one for one in operations() if "customer" in one.arguments]
    theirs = address(worlds, route, worlds.theirs)
    nobody = theirs.replace(worlds.theirs.rows["cases"][0]["stripe_customer_id"], "cus_nobody")
    told = [ask(worlds, route, path).json for path in (theirs, nobody)]
    assert [one.pop("customer") for one in told] == [
        path.split("/")[4] for path in (theirs, nobody)
    ]
    assert told[0] == told[1]
    assert told[0]["state"] == "fine"
    assert ask(worlds, route, theirs, side=worlds.theirs).json["state"] != "fine"


# Queries


def ownership(worlds, side) -> Callable[[Table, str, list], bool]:
    """Are these values of a column all of rows that this company owns, or did at first?"""
    before = worlds.snapshot(side)

    def owns(table: Table, column: str, values: list) -> bool:
        if column == "chain":
            return set(values) <= side.chains
        meant = table.columns[column]
        for key in meant.foreign_keys:  # the row that it names
            meant = key.column
        if (table.name, column) in OF_A_PERSON:
            meant = Base.metadata.tables["users"].columns.email
        own = {getattr(row, meant.name) for row in before[meant.table.name]}
        if set(values) <= own:
            return True
        with worlds.reading() as connection:
            own |= set(connection.scalars(select(meant).where(side.owns(meant.table))))
        return set(values) <= own

    return owns


def stray(watch: Watch, statements: list[Statement], judge: Judge) -> list[str]:
    found = [
        f"{', '.join(tables)} in: {one.text}"
        for one in statements
        if (tables := unbound(one, judge))
    ]
    tables = re.compile(rf"\b({'|'.join(Base.metadata.tables)})\b")
    return found + [text for text in watch.unread if tables.search(text)]


def test_every_query_of_every_request_is_bound_to_the_company_that_asks(worlds):
    watch, count, used = Watch(worlds.services.db.engine), 0, set()
    searches = {"q": "sam", "after": "99999999999999999-99", "period": "all", "preview": "1"}
    worlds.keep()
    owns = ownership(worlds, worlds.ours)
    for route in routes(worlds):
        given = searches if route.method == "GET" and not route.operation else {}
        for extra in ({}, given) if given else ({},):
            worlds.restore()
            # Two SetupIntents of one link, each the first since `restore`, would have one key.
            which = int(route.endpoint == "web.card_page.checkout")
            path = address(worlds, route, worlds.ours, which=which)
            judge = Judge(owns, route.endpoint, used)
            with watch.looking() as statements:
                ask(worlds, route, path, given=extra, step=True)
            count += len(statements)
            assert stray(watch, statements, judge) == [], str(route)
    assert count > 500
    assert used == set(ALLOWED), "an exception that no request needs"


def test_the_watch_sees_what_is_not_bound(worlds):
    """The same check on queries that must not pass, or it would prove nothing."""
    ours, theirs = worlds.ours.id("accounts"), worlds.theirs.id("accounts")
    joined = select(RecoveryCase.id).join(Account, RecoveryCase.account_id == Account.id)
    alike = select(RecoveryCase.id).join(Account, RecoveryCase.timezone == Account.timezone)
    own_links = select(Link.id).where(Link.account_id == ours)
    bad = (
        select(RecoveryCase),
        select(RecoveryCase.id).where(RecoveryCase.state == "open"),
        select(RecoveryCase.id).where(RecoveryCase.account_id == theirs),
        select(RecoveryCase.id).where(RecoveryCase.account_id.in_([ours, theirs])),
        select(RecoveryCase.id).where(RecoveryCase.id == worlds.theirs.id("cases")),
        joined.where((RecoveryCase.account_id == ours) | (Account.id > 0)),
        select(RecoveryCase.id).where(
            (RecoveryCase.account_id == ours) | (RecoveryCase.account_id == theirs)
        ),
        select(RecoveryCase.id).where(RecoveryCase.account_id != ours),
        select(RecoveryCase.id).where(~(RecoveryCase.account_id == ours)),
        select(RecoveryCase.id).where(RecoveryCase.account_id.not_in([ours])),
        joined,
        joined.where(Account.company_id == worlds.theirs.id("companies")),
        alike.where(Account.id == ours),
        select(RecoveryCase.id).where(RecoveryCase.account_id.in_(select(Account.id))),
        select(RecoveryCase.id).where(
            RecoveryCase.id.not_in(select(RecoveryCase.id).where(RecoveryCase.account_id == ours))
        ),
        own_links.where(~exists().where(RecoveryCase.id == Link.case_id)),
        select(Link.id).where(~exists().where(RecoveryCase.account_id == ours)),
    )
    bad += (update(RecoveryCase).values(state="open").where(RecoveryCase.account_id == theirs),)
    good = (
        own_links.where(~exists().where(RecoveryCase.account_id == ours)),
        select(RecoveryCase.id).where(RecoveryCase.account_id == ours),
        select(RecoveryCase).where(RecoveryCase.account_id.in_(worlds.ours.keys["accounts"])),
        joined.where(Account.company_id == worlds.ours.id("companies")),
        select(RecoveryCase.id).where(
            (RecoveryCase.account_id == ours)
            | (RecoveryCase.account_id == worlds.ours.id("accounts", 1))
        ),
        select(RecoveryCase.id).where(
            RecoveryCase.account_id.in_(select(Account.id).where(Account.id == ours))
        ),
        update(RecoveryCase).values(state="open").where(RecoveryCase.account_id == ours),
    )
    watch, judge = Watch(worlds.services.db.engine), Judge(ownership(worlds, worlds.ours))
    for queries, passes in ((bad, False), (good, True)):
        for query in queries:
            with watch.looking() as statements, worlds.services.db.begin() as session:
                session.execute(query)
            assert (stray(watch, statements, judge) == []) == passes, str(query)


def test_every_exception_names_a_column_there_is_and_a_reason():
    for (table, column), (places, reason) in ALLOWED.items():
        assert column in Base.metadata.tables[table].columns
        assert all(places)
        assert len(reason.split()) >= 5


def test_an_exception_counts_where_it_is_named_and_nowhere_else(worlds):
    query = select(SignIn.id).where(SignIn.origin_hash == "a visitor's")
    watch = Watch(worlds.services.db.engine)
    for endpoint, passes in (("web.sign_in.ask", True), ("web.team.show", False)):
        with watch.looking() as statements, worlds.services.db.begin() as session:
            session.execute(query)
        judge = Judge(ownership(worlds, worlds.ours), endpoint)
        assert (stray(watch, statements, judge) == []) == passes, endpoint


def test_a_row_of_ours_that_names_one_of_theirs_is_seen(worlds):
    case = {"account_id": worlds.ours.id("accounts"), "case_id": worlds.theirs.id("cases")}
    watch, judge = Watch(worlds.services.db.engine), Judge(ownership(worlds, worlds.ours))
    with watch.looking() as statements, worlds.services.db.begin() as session:
        session.add(Link(**case, public_id="x", created_at=worlds.services.now()))
    assert stray(watch, statements, judge)


# What is learned


def test_of_what_is_pooled_only_numbers_leave_a_company(worlds):
    """Its nights teach the other companies' accounts: how hard cards are to charge, and when."""
    add_cases(worlds.services, account_of(worlds, worlds.theirs), 150)
    training.learn(worlds.services, account_of(worlds, worlds.theirs))
    with worlds.services.db.begin() as session:
        lesson = session.get_one(AccountEvidence, worlds.theirs.id("accounts"))
        taught, seen = json.loads(lesson.body)["model"], Model.from_json(lesson.body)[0].seen
        session.execute(
            delete(AccountEvidence).where(AccountEvidence.account_id != lesson.account_id)
        )
    assert seen > 0
    assert set(words_in(taught)) - {taught["parent"]} <= set(words_in(Model.prior().body()))
    ours = training.learn(worlds.services, account_of(worlds, worlds.ours))
    assert ours is not None
    assert "Learned" not in ours.reason  # it begins with what the other company taught
    with worlds.reading() as connection:
        rows = connection.execute(select(RetryModel).where(RetryModel.id == ours.id)).all()
    assert worlds.theirs.marker.lower() not in str(rows).lower()


def words_in(value) -> Iterator[str]:
    """Every text in what JSON holds, names among them."""
    if isinstance(value, str):
        yield value
    for one in value.items() if isinstance(value, dict) else ():
        yield from words_in(list(one))
    for one in value if isinstance(value, list) else ():
        yield from words_in(one)


def account_of(worlds, side) -> Account:
    with worlds.services.db.read() as session:
        return session.get_one(Account, side.id("accounts"))


# Signed links


@pytest.mark.parametrize(("page", "path"), [("card_page", "card"), ("unsubscribe", "stop")])
def test_a_signed_link_opens_the_account_it_was_made_for_and_no_other(worlds, page, path):
    sides = (worlds.ours, worlds.theirs)
    for side, which in product(sides, (0, 1)):
        browser = worlds.app.test_client()
        text = browser.get(f"/{path}/{worlds.token(side, page, which)}").text
        assert f"{side.marker}-accounts-name-{which}" in text
        others = [f"{one.marker}-accounts-name-{n}" for one in sides for n in (0, 1)]
        assert sum(name in text for name in others) == 1


def test_an_invitation_opens_the_company_that_invites_and_no_other(worlds):
    """Whoever is signed in at ours leaves it by accepting theirs."""
    worlds.keep()
    for side, other in ((worlds.ours, worlds.theirs), (worlds.theirs, worlds.ours)):
        worlds.restore()
        browser, path = (
            worlds.browser(other),
            f"/invitation/{worlds.token(side, 'accept_invitation')}",
        )
        token = CSRF.search(browser.get(path).text)[1]
        assert browser.post(path, data={"csrf_token": token}).status_code == 303
        team = browser.get("/settings/team").text.lower()
        assert side.marker.lower() in team
        assert other.marker.lower() not in team
        assert browser.get(f"/cases/{side.id('cases')}").status_code == 200
        assert browser.get(f"/cases/{other.id('cases')}").status_code == 404


def test_a_link_for_one_thing_opens_nothing_else(worlds):
    token = worlds.token(worlds.theirs, "card_page")
    assert worlds.app.test_client().get(f"/stop/{token}").status_code == 404
    assert worlds.app.test_client().get(f"/sign-in/{token}").status_code == 410
    for page in ("unsubscribe", "sign_in"):
        answer = worlds.app.test_client().get(f"/card/{worlds.token(worlds.theirs, page)}")
        assert answer.status_code in (404, 410)


@pytest.mark.parametrize("act", ["finish", "settle"])
def test_a_card_entered_on_one_page_is_not_saved_through_another(worlds, act):
    """Whoever holds a link of ours cannot act on their setup, nor on our other account's."""
    before = worlds.snapshot(worlds.theirs)
    token = worlds.token(worlds.ours, "card_page")
    foreign = (worlds.theirs.rows["card_updates"][0], worlds.ours.rows["card_updates"][1])
    for row in foreign:
        browser = worlds.app.test_client()
        csrf = CSRF.search(browser.get("/sign-in").text)[1]
        ids = {
            "setup_intent": row["stripe_setup_intent_id"],
            "session_id": row["stripe_session_id"],
        }
        answer = browser.post(f"/card/{token}/{act}", data={"csrf_token": csrf, **ids})
        assert answer.status_code in (400, 403, 404, 409, 410), answer.text
        assert not theirs_in(worlds, answer)
    assert worlds.snapshot(worlds.theirs) == before


def test_events_at_one_account_s_address_need_that_account_s_secret(worlds):
    from webhook_cast import body_of, event, signature  # noqa: PLC0415

    ours, theirs = (side.rows["accounts"][0] for side in (worlds.ours, worlds.theirs))
    body = body_of(event())
    signed = signature(body, f"whsec_{ours['stripe_account_id']}", worlds.services.now())
    post = worlds.app.test_client().post
    path = f"/webhooks/stripe/{theirs['hook_token']}"
    answer = post(path, data=body, headers={"Stripe-Signature": signed})
    assert answer.status_code == 400


def test_whatever_is_public_is_so_by_name(worlds):
    """What is walked above as a session's is what the guard takes for a session's."""
    signed = {route.endpoint for route in routes(worlds) if route.signed}
    assert signed - access_control.PUBLIC == {"webhooks.direct"}  # Stripe's, no page
