"""No company ever sees or touches another's: every route and every query is walked.

Colleagues who add a route need not come here, unless its address has a parameter of a new name (say
in `PARAMETERS` whose it is) or it is not opened by a session (say in `CREDENTIALS` how it is).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product

import pytest
from isolation_watch import ALLOWED, Statement, Watch, unbound
from sqlalchemy import Table, select, update
from werkzeug.routing import Rule

from recover.db import Base
from recover.web import guard

pytest_plugins = ("web_cast", "isolation_cast")

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
MASKED = re.compile(r'name="csrf_token" value="[^"]+"|req_sandbox\d+')

# What stands in for a parameter of an address, by its name.
PARAMETERS: dict[str, Callable] = {
    "account_id": lambda worlds, side, page: side.id("accounts"),
    "case_id": lambda worlds, side, page: side.id("cases"),
    "token": lambda worlds, side, page: worlds.token(side, page),
    "hook_token": lambda worlds, side, page: side.rows["accounts"][0]["hook_token"],
    "color": lambda worlds, side, page: "1f6feb",
    "filename": lambda worlds, side, page: "recover.css",
}
NOBODYS = {"color", "filename"}  # parameters that name nothing of a company's
SIGNED = {"token", "hook_token"}  # who holds one is let in by it, with or without a session

# How a request is let in, by the beginning of its address; by default, by the session's cookie.
# Given the worlds and a side, the headers that let this side in.
CREDENTIALS: dict[str, Callable] = {}

# Routes that answer a request without looking at anything: they need no row of a company's.
LEAVES_THE_SESSION = {"web.sign_in.leave"}


def rules(worlds) -> list[Rule]:
    return sorted(worlds.app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))


def address(worlds, rule: Rule, side) -> str:
    """The rule's address with this company's ids."""

    def given(match: re.Match[str]) -> str:
        name = match[1]
        assert name in PARAMETERS, (
            f"{rule.rule}: say in PARAMETERS of {__name__} what stands in for <{name}>, and in"
            " NOBODYS or SIGNED if it names nothing of a company's, or is signed."
        )
        page = rule.endpoint.rpartition(".")[0].rpartition(".")[2]
        return str(PARAMETERS[name](worlds, side, page))

    return re.sub(r"<(?:[^<>:]+:)?(\w+)>", given, rule.rule)


def owned(rule: Rule) -> bool:
    """Does the address name something of a company's that a session must be allowed to see?"""
    return bool(set(rule.arguments) - NOBODYS - SIGNED)


def ask(worlds, method: str, path: str, *, side=None, given=None):
    """One request of ours, in a browser of its own that holds a form's token."""
    side = side or worlds.ours
    browser = worlds.browser(side)
    headers = next(
        (make(worlds, side) for start, make in CREDENTIALS.items() if path.startswith(start)), {}
    )
    where = {"query_string": given} if method == "GET" else {}
    if method != "GET":
        token = CSRF.search(browser.get("/settings/stripe").text)[1]
        where = {"data": {"csrf_token": token} | (given or {})}
    return browser.open(path, method=method, headers=headers, buffered=True, **where)


def calls(worlds, which: Callable[[Rule], bool]) -> Iterator[tuple[Rule, str]]:
    for rule in rules(worlds):
        if which(rule):
            yield from ((rule, method) for method in METHODS if method in rule.methods)


def theirs_in(worlds, answer) -> bool:
    """Anything of theirs in what was answered: body, headers, cookies."""
    text = answer.get_data(as_text=True) + str(answer.headers)
    return worlds.theirs.marker.lower() in text.lower()


def test_both_companies_have_rows_in_every_table_there_is(worlds):
    for side in (worlds.ours, worlds.theirs):
        for name, rows in worlds.snapshot(side).items():
            assert rows, f"{name} has no row of {side.marker}'s: see isolation_cast"
        assert len(side.keys["accounts"]) == 2
    everything = {table.name for table in Base.metadata.sorted_tables}
    assert set(worlds.theirs.keys) == everything
    held = [str(rows) for rows in worlds.snapshot(worlds.theirs).values()]
    assert sum(worlds.theirs.marker in text for text in held) >= len(everything) - 6


def test_every_route_refuses_the_other_company_s_ids_and_changes_nothing(worlds):
    before = worlds.snapshot(worlds.theirs)
    tried = []
    for rule, method in calls(worlds, owned):
        path = address(worlds, rule, worlds.theirs)
        answer = ask(worlds, method, path, given={"preview": "1"})
        tried.append((rule.endpoint, method))
        assert answer.status_code in (403, 404), f"{method} {rule.rule}: {answer.status_code}"
        assert not theirs_in(worlds, answer), f"{method} {rule.rule}"
    assert worlds.snapshot(worlds.theirs) == before
    assert len(tried) >= 10
    assert ("web.case.retry", "POST") in tried
    assert ("web.stripe_connect.disconnect", "POST") in tried


def test_the_same_addresses_with_our_own_ids_do_open(worlds):
    """Else a route that is broken for everybody would pass for a safe one."""
    opened = [
        rule.endpoint
        for rule, method in calls(worlds, owned)
        if method == "GET"
        and ask(worlds, "GET", address(worlds, rule, worlds.ours)).status_code == 200
    ]
    assert len(opened) == sum(method == "GET" for _, method in calls(worlds, owned))


def test_no_page_or_form_shows_or_takes_what_is_theirs(worlds):
    """Whatever ids and words of theirs are given where a page may look for them."""
    before = worlds.snapshot(worlds.theirs)
    given = {name: str(make(worlds, worlds.theirs, "card")) for name, make in PARAMETERS.items()}
    given |= {
        "q": worlds.theirs.marker[:6],
        "id": given["case_id"],
        "account": given["account_id"],
        "case": given["case_id"],
        "company_id": str(worlds.theirs.id("companies")),
        "user_id": str(worlds.theirs.id("users")),
        "after": "99999999999999999-99",
        "state": "all",
        "period": "all",
    }
    for rule, method in calls(worlds, lambda rule: not rule.arguments):
        for extra in ({}, given):
            answer = ask(worlds, method, rule.rule, given=extra)
            assert answer.status_code < 500 or answer.status_code == 503, f"{method} {rule.rule}"
            assert not theirs_in(worlds, answer), f"{method} {rule.rule}"
    assert worlds.snapshot(worlds.theirs) == before


def test_our_pages_are_the_same_to_the_letter_whether_or_not_they_exist(alone):
    """So no sum, count or order of ours depends on them either."""
    worlds, before = alone, {}
    for again in (False, True):
        if again:
            from isolation_cast import THEIRS, add_company  # noqa: PLC0415 - a plugin, rewritten

            worlds.theirs = add_company(worlds.services, worlds.sandbox, THEIRS)
        for rule, method in calls(worlds, lambda rule: not set(rule.arguments) & SIGNED):
            if method == "GET" and rule.endpoint not in LEAVES_THE_SESSION:
                path = address(worlds, rule, worlds.ours)
                body = MASKED.sub("", ask(worlds, "GET", path).get_data(as_text=True))
                assert before.setdefault(path, body) == body, path
    assert len(before) >= 8


# Queries


def ownership(worlds, side) -> Callable[[Table, str, list], bool]:
    """Are these values of a column all of rows that this company owns?"""

    def owns(table: Table, column: str, values: list) -> bool:
        query = select(table.columns[column]).where(side.owns(table))
        targets = [key.column for key in table.columns[column].foreign_keys]
        if targets:  # the row that a foreign key names
            query = select(targets[0]).where(side.owns(targets[0].table))
        with worlds.reading() as connection:
            return set(values) <= set(connection.scalars(query))

    return owns


def stray(worlds, watch: Watch, statements: list[Statement]) -> list[str]:
    owns = ownership(worlds, worlds.ours)
    found = [
        f"{', '.join(tables)} in: {one.text}"
        for one in statements
        if (tables := unbound(one, owns))
    ]
    tables = re.compile(rf"\b({'|'.join(Base.metadata.tables)})\b")
    return found + [text for text in watch.unread if tables.search(text)]


def test_every_query_of_every_request_is_bound_to_the_company_that_asks(worlds):
    watch, count = Watch(worlds.services.db.engine), 0
    for rule, method in calls(worlds, lambda rule: rule.endpoint not in LEAVES_THE_SESSION):
        path = address(worlds, rule, worlds.ours)
        given = {"q": "sam", "after": "99999999999999999-99", "period": "all", "preview": "1"}
        with watch.looking() as statements:
            ask(worlds, method, path, given=given if method == "GET" else None)
        count += len(statements)
        assert stray(worlds, watch, statements) == [], f"{method} {rule.rule}"
    assert count > 100


def test_the_watch_sees_what_is_not_bound(worlds):
    """The same check on queries that must not pass, or it would prove nothing."""
    from recover.models import Account, RecoveryCase  # noqa: PLC0415

    ours, theirs = worlds.ours.id("accounts"), worlds.theirs.id("accounts")
    joined = select(RecoveryCase.id).join(Account, RecoveryCase.account_id == Account.id)
    alike = select(RecoveryCase.id).join(Account, RecoveryCase.timezone == Account.timezone)
    bad = (
        select(RecoveryCase),
        select(RecoveryCase.id).where(RecoveryCase.state == "open"),
        select(RecoveryCase.id).where(RecoveryCase.account_id == theirs),
        select(RecoveryCase.id).where(RecoveryCase.account_id.in_([ours, theirs])),
        select(RecoveryCase.id).where(RecoveryCase.id == worlds.theirs.id("cases")),
        joined.where((RecoveryCase.account_id == ours) | (Account.id > 0)),
        select(RecoveryCase.id).where(RecoveryCase.account_id != ours),
        joined,
        joined.where(Account.company_id == worlds.theirs.id("companies")),
        alike.where(Account.id == ours),
        select(RecoveryCase.id).where(RecoveryCase.account_id.in_(select(Account.id))),
    )
    bad += (update(RecoveryCase).values(state="open").where(RecoveryCase.account_id == theirs),)
    good = (
        select(RecoveryCase.id).where(RecoveryCase.account_id == ours),
        select(RecoveryCase).where(RecoveryCase.account_id.in_(worlds.ours.keys["accounts"])),
        joined.where(Account.company_id == worlds.ours.id("companies")),
        select(RecoveryCase.id).where(
            RecoveryCase.account_id.in_(select(Account.id).where(Account.id == ours))
        ),
        update(RecoveryCase).values(state="open").where(RecoveryCase.account_id == ours),
    )
    watch = Watch(worlds.services.db.engine)
    for queries, passes in ((bad, False), (good, True)):
        for query in queries:
            with watch.looking() as statements, worlds.services.db.begin() as session:
                session.execute(query)
            assert (stray(worlds, watch, statements) == []) == passes, str(query)


def test_every_exception_names_a_column_there_is_and_a_reason():
    for (table, column), reason in ALLOWED.items():
        assert column in Base.metadata.tables[table].columns
        assert len(reason.split()) >= 5


# Signed links


@pytest.mark.parametrize("page", ["card", "stop"])
def test_a_signed_link_opens_the_account_it_was_made_for_and_no_other(worlds, page):
    sides = (worlds.ours, worlds.theirs)
    for side, which in product(sides, (0, 1)):
        browser = worlds.app.test_client()
        text = browser.get(f"/{page}/{worlds.token(side, page, which)}").text
        assert f"{side.marker}-accounts-name-{which}" in text
        others = [f"{one.marker}-accounts-name-{n}" for one in sides for n in (0, 1)]
        assert sum(name in text for name in others) == 1


def test_a_link_for_one_thing_opens_nothing_else(worlds):
    token = worlds.token(worlds.theirs, "card")
    assert worlds.app.test_client().get(f"/stop/{token}").status_code == 404
    assert worlds.app.test_client().get(f"/sign-in/{token}").status_code == 410
    for page in ("stop", "sign_in"):
        answer = worlds.app.test_client().get(f"/card/{worlds.token(worlds.theirs, page)}")
        assert answer.status_code in (404, 410)


@pytest.mark.parametrize("act", ["finish", "settle"])
def test_a_card_entered_on_one_page_is_not_saved_through_another(worlds, act):
    """Whoever holds a link of ours cannot act on their setup, nor on our other account's."""
    before = worlds.snapshot(worlds.theirs)
    token = worlds.token(worlds.ours, "card")
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
    signed = {rule.endpoint for rule in rules(worlds) if set(rule.arguments) & SIGNED}
    assert signed <= guard.PUBLIC
