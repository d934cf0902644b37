"""The founder's first page: what it says of nothing, of much, and of trouble."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import insert

from recover.models import (
    Account,
    Attempt,
    Company,
    LedgerLine,
    Message,
    ReconciliationReport,
    RecoveryCase,
    StripeEvent,
)
from recover.web.dashboard import case_list

pytestmark = pytest.mark.both_databases  # search, order and paging in SQL

pytest_plugins = ("web_cast",)


def add_cases(scene, count, **fields):
    now = scene.services.now()
    rows = [
        {
            "account_id": scene.account.id,
            "stripe_invoice_id": f"in_{fields.get('state', 'open')}_{number}",
            "customer_name": f"Customer {number:04}",
            "customer_email": f"c{number}@example.test",
            "currency": "usd",
            "amount_minor": 1000,
            "amount_remaining_minor": 1000,
            "state": "open",
            "campaign_version": 1,
            # Several at the same instant, so that a page may end between two of them.
            "failed_at": now - timedelta(hours=number // 7),
            "opened_at": now,
            **fields,
        }
        for number in range(count)
    ]
    with scene.services.db.begin() as session:
        session.execute(insert(RecoveryCase), rows)


def names(html):
    return re.findall(r"Customer \d{4}", html)


def test_without_an_account_it_says_what_to_do_next(scene):
    with scene.services.db.begin() as session:
        elsewhere = Company(name="Elsewhere", created_at=scene.services.now())
        session.add(elsewhere)
        session.flush()
        session.get_one(Account, scene.account.id).company_id = elsewhere.id
    assert "Connect your Stripe account</a>" in scene.sign_in().get("/").text


def test_with_no_case_it_says_that_this_is_good_news(scene):
    answer = scene.sign_in().get("/")
    assert "Nothing has failed yet" in answer.text


def test_a_recovered_invoice_shows_as_money_with_its_source(scene):
    case = scene.failed(amount=123456, name="Grace Hopper")
    with scene.services.db.begin() as session:
        row = session.get_one(RecoveryCase, case.id)
        row.state, row.closed_at = "recovered", scene.services.now()
        session.add(
            LedgerLine(
                account_id=case.account_id,
                case_id=case.id,
                kind="recovered",
                reference="in",
                source="card_page",
                amount_minor=123456,
                currency="usd",
                at=scene.services.now(),
            )
        )
    html = scene.sign_in().get("/").text
    assert html.count("$1,234.56") >= 3  # the figure, the source, the case
    assert "Card page" in html
    assert "with a hand of Recover" in html
    assert "100%</strong> came back" in html
    assert "holdout" in html


def test_every_case_is_reached_once_by_going_back_page_by_page(scene):
    add_cases(scene, 2 * case_list.PAGE + 5)
    client, seen, path = scene.sign_in(), [], "/"
    for _ in range(3):
        html = client.get(path).text
        seen += names(html)
        older = re.search(r'href="([^"]*after=[^"]*)">Older', html)
        path = unescape(older[1]) if older else ""
    assert path == ""
    assert len(seen) == len(set(seen)) == 2 * case_list.PAGE + 5
    assert seen[:1] == ["Customer 0006"]  # of those at the same instant the newest row first


def test_filters_keep_to_their_states(scene):
    add_cases(scene, 1, state="open", customer_name="Open One")
    add_cases(scene, 1, state="recovered", customer_name="Won One")
    add_cases(scene, 1, state="exhausted", close_reason="window_over", customer_name="Lost One")
    add_cases(
        scene,
        1,
        state="closed",
        close_reason="subscription_ended",
        stripe_invoice_id="in_x",
        customer_name="Gone One",
    )
    add_cases(
        scene,
        1,
        state="closed",
        close_reason="voided",
        stripe_invoice_id="in_y",
        customer_name="Void One",
    )
    client = scene.sign_in()
    shown = {
        state: set(re.findall(r"(\w+) One</a>", client.get(f"/?state={state}").text))
        for state in ("all", "open", "recovered", "lost", "aside")
    }
    assert shown == {
        "all": {"Open", "Won", "Lost", "Gone", "Void"},
        "open": {"Open"},
        "recovered": {"Won"},
        "lost": {"Lost", "Gone"},
        "aside": {"Void"},
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("hopper", True),
        ("GRACE", True),
        ("grace@navy", True),
        ("INV-77", True),
        ("in_77", True),
        ("100%", False),
        ("_", True),  # stands for itself: it is in the invoice's id
        ("gr_ce", False),  # and for nothing else
    ],
)
def test_search_looks_at_names_mails_and_invoices(scene, query, found):
    add_cases(
        scene,
        1,
        stripe_invoice_id="in_77",
        customer_name="Grace Hopper",
        customer_email="grace@navy.test",
        invoice_number="INV-77",
    )
    html = scene.sign_in().get("/", query_string={"q": query}).text
    assert ("Grace Hopper</a>" in html) is found
    assert ("No case fits" in html) is not found


@pytest.mark.parametrize(
    "query", ["after=nonsense", "after=9999999999999999999999-1", "after=-1", "state=x&period=y"]
)
def test_a_spoilt_address_shows_the_first_page(scene, query):
    add_cases(scene, 3)
    assert len(names(scene.sign_in().get(f"/?{query}").text)) == 3


def test_what_subscribers_call_themselves_stays_text(scene):
    add_cases(scene, 1, customer_name="<script>alert(1)</script>")
    html = scene.sign_in().get("/").text
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_trouble_is_named_gravest_first(scene):
    now = scene.services.now()
    with scene.services.db.begin() as session:
        account = session.get_one(Account, scene.account.id)
        account.mode, account.problem = "observe", "the key was revoked"
        session.add_all(
            [
                StripeEvent(
                    account_id=account.id,
                    stripe_event_id="evt_1",
                    created_at=now,
                    received_at=now,
                    due_at=now,
                    status="parked",
                ),
                Message(
                    account_id=account.id,
                    dedup_key="k",
                    status="uncertain",
                    due_at=now,
                    created_at=now,
                ),
                ReconciliationReport(
                    account_id=account.id,
                    started_at=now,
                    finished_at=now,
                    fixes=[{"invoice": "in"}],
                ),
            ]
        )
    html = scene.sign_in().get("/?period=30").text
    order = [
        "the key was revoked",
        "1 Stripe event waits",
        "1 mail of the last",
        "corrected 1 case",
    ]
    order.append("Observe only")
    places = [html.index(words) for words in order]
    assert places == sorted(places)


def test_a_disconnected_account_says_so(scene):
    with scene.services.db.begin() as session:
        session.get_one(Account, scene.account.id).disconnected_at = scene.services.now()
    assert "Stripe is disconnected" in scene.sign_in().get("/").text


def test_all_is_well_says_nothing(scene):
    assert 'class="note' not in scene.sign_in().get("/").text


def test_live_mode_reloads_without_a_script_and_only_when_asked(scene):
    client = scene.sign_in()
    assert 'http-equiv="refresh"' in client.get("/?live=1").text
    assert 'http-equiv="refresh"' not in client.get("/").text


def test_payments_that_stripe_refuses_are_told_with_the_way_to_the_case(scene):
    case = scene.failed()
    with scene.services.db.begin() as session:
        session.add(
            Attempt(
                account_id=case.account_id,
                case_id=case.id,
                trigger="schedule",
                outcome="refused",
                error_code="amount_too_small",
                amount_minor=30,
                currency="usd",
                attempted_at=scene.services.now(),
            )
        )
    client = scene.sign_in()
    page = unescape(client.get("/").text)
    assert "Stripe refuses to charge one open case (amount_too_small)" in page
    assert f'href="/cases/{case.id}"' in page
    assert "Refused by Stripe, no bank was asked" in client.get(f"/cases/{case.id}").text

    with scene.services.db.begin() as session:
        session.get(RecoveryCase, case.id).state = "recovered"
    assert "Stripe refuses to charge" not in client.get("/").text
