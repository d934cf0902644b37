"""The pages of the audit log and of personal data: what they show, to whom, and what they do."""

from __future__ import annotations

import csv
import io
import json

import pytest
from sqlalchemy import insert, select, update

from recover.compliance import audit_export, audit_log, audit_verification
from recover.models import Account, AuditLogEntry, Company, Role, User
from recover.web.dashboard import audit_log_list

pytestmark = pytest.mark.both_databases  # search, order and paging in SQL

pytest_plugins = ("web_cast",)

PAGE, PERSONAL = "/settings/record", "/settings/personal-data"


@pytest.fixture
def client(scene):
    return scene.sign_in()


def set_role(scene, role):
    with scene.services.db.begin() as session:
        session.get_one(User, scene.user.id).role = role


def lines(services, **where):
    query = select(AuditLogEntry).filter_by(**where).order_by(AuditLogEntry.id)
    with services.db.read() as session:
        return list(session.scalars(query))


def test_an_empty_record_says_what_will_be_there(scene, client):
    with scene.services.db.begin() as session:
        session.execute(AuditLogEntry.__table__.delete())
    page = client.get(PAGE, query_string={"actor": "stripe"}).text
    assert "No entry matches." in page
    assert "Nothing sealed yet" in page


def test_it_tells_who_did_what_and_why_newest_first(scene, client):
    case = scene.failed()
    client.get(f"/cases/{case.id}")

    page = client.get(PAGE).text

    assert "Renewal invoice" in page
    assert "Seen at Stripe" in page
    looked, opened = page.index("Looked at the case"), page.index("Renewal invoice")
    assert looked < opened
    assert scene.user.email in page


def test_looking_is_on_record_once_an_hour_for_each_case_and_person(scene, client):
    cases = [scene.failed(), scene.failed()]
    for _ in range(3):
        for case in cases:
            client.get(f"/cases/{case.id}")
    found = lines(scene.services, verb="view", about=f"case:{cases[0].id}")
    assert [line.actor for line in found] == [audit_log.user_actor(scene.user.id)]
    assert len([line for line in lines(scene.services, verb="view") if line.case_id]) == 2

    assert "Looked at" not in client.get(f"/cases/{cases[0].id}").text


def test_a_search_is_on_record_and_what_was_typed_is_not(scene, client):
    for _ in range(2):
        client.get("/?q=zebedee@subscriber.test")
    [line] = lines(scene.services, verb="search")
    assert "zebedee" not in json.dumps([line.reason, line.details, line.about])
    assert line.company_id == scene.user.company_id


def test_a_retry_and_a_revocation_are_by_the_person_who_pressed(scene, client):
    case = scene.failed("insufficient_funds")
    scene.link(case)
    scene.post(client, f"/cases/{case.id}/retry", f"/cases/{case.id}/retry")
    scene.post(client, f"/cases/{case.id}/revoke", f"/cases/{case.id}")
    me = audit_log.user_actor(scene.user.id)
    assert [line.actor for line in lines(scene.services, verb="attempt")] == [me]
    assert [line.actor for line in lines(scene.services, verb="revoke")] == [me]
    assert {line.actor for line in lines(scene.services, verb="settle")} == {"stripe"}


@pytest.mark.parametrize(
    ("asked", "seen", "unseen"),
    [
        ({"actor": "stripe"}, "by Stripe", "by Recover"),
        ({"verb": "plan"}, "by Recover", "by Stripe"),
        ({"actor": "people"}, "by a person", "by Stripe"),
        ({"case": "99"}, "No entry matches.", "by Stripe"),
        ({"chain": "company:2"}, "No entry matches.", "by Stripe"),
    ],
)
def test_filters(scene, client, asked, seen, unseen):
    with scene.services.db.begin() as session:
        for actor, verb, words in (
            ("stripe", "seen", "by Stripe"),
            ("recover", "plan", "by Recover"),
            ("user:1", "setting", "by a person"),
        ):
            audit_log.write(
                session,
                verb,
                words,
                scene.services.now(),
                audit_log.Subject("x", account_id=scene.account.id),
                actor=actor,
            )
    page = client.get(PAGE, query_string=asked).text.partition('id="entries"')[2]
    assert seen in page
    assert unseen not in page


@pytest.mark.parametrize("spoilt", ["x", "-1", "9" * 40, "1.5", "²"])
def test_a_spoilt_address_is_no_error(scene, client, spoilt):
    for name in ("case", "before", "actor", "verb", "chain"):
        assert client.get(PAGE, query_string={name: spoilt}).status_code == 200


def test_pages_follow_each_other_without_a_gap_over_all_chains(scene, client, monkeypatch):
    monkeypatch.setattr(audit_log_list, "PAGE", 7)
    with scene.services.db.begin() as session:
        session.execute(AuditLogEntry.__table__.delete())
        for number in range(20):
            company = {"company_id": scene.user.company_id}
            owner = {"account_id": scene.account.id} if number % 3 else company
            audit_log.write(
                session,
                "plan",
                f"words-{number:02}.",
                scene.services.now(),
                audit_log.Subject("x", **owner),
                actor="recover",
            )
    chains = [f"account:{scene.account.id}", f"company:{scene.user.company_id}"]
    seen, before = [], ""
    with scene.services.db.read() as session:
        while True:
            page = audit_log_list.page(session, chains, audit_log_list.Filters(before=before))
            seen += [line.reason for line in page.entries]
            before = page.before
            if not before:
                break
    assert seen == [f"words-{number:02}." for number in reversed(range(20))]


def test_it_says_how_far_it_is_sealed_and_whether_it_holds(scene, client):
    scene.failed()
    audit_log.seal(scene.services.db)
    chain = f"account:{scene.account.id}"

    def check():
        now = scene.services.now()
        audit_verification.store_result(
            scene.services.db, audit_verification.check(scene.services.db, chain, now), now
        )
        return client.get(PAGE).text

    assert "Not verified yet" in client.get(PAGE).text
    assert "Verified" in check()
    with scene.services.db.begin() as session:
        where = AuditLogEntry.chain == chain, AuditLogEntry.seq == 2
        session.execute(update(AuditLogEntry).where(*where).values(reason="Another."))
    page = check()
    assert "Verification fails" in page
    assert "The audit log fails verification: account" in client.get("/").text
    assert f"{chain}, line 2" in page


def test_another_company_s_record_is_not_shown_nor_exported(scene, client):
    with scene.services.db.begin() as session:
        rival = Company(name="Rival", created_at=scene.services.now())
        session.add(rival)
        session.flush()
        theirs = Account(
            connection="key",
            mode="observe",
            company_id=rival.id,
            stripe_account_id="acct_rival",
            livemode=False,
            hook_token="r",
            campaign_version=1,
            connected_at=scene.services.now(),
        )
        session.add(theirs)
        session.flush()
        for owner in ({"account_id": theirs.id}, {"company_id": rival.id}, {}):
            audit_log.write(
                session,
                "plan",
                "Rival words.",
                scene.services.now(),
                audit_log.Subject("x", **owner),
                actor="recover",
            )
    chain = f"account:{theirs.id}"
    assert "Rival words" not in client.get(PAGE).text
    assert "Rival words" not in client.get(PAGE, query_string={"chain": chain}).text
    answer = scene.post(client, f"{PAGE}/export", PAGE, format="jsonl", chain=chain)
    assert answer.status_code == 400
    assert (
        "Rival words"
        not in scene.post(client, f"{PAGE}/export", PAGE, format="jsonl", chain="").text
    )


def test_an_export_holds_every_line_and_goes_on_record_itself(scene, client, monkeypatch):
    monkeypatch.setattr(audit_export, "ROWS_AT_ONCE", 2)
    scene.failed()
    before = lines(scene.services)
    found = scene.post(client, f"{PAGE}/export", PAGE, format="jsonl", chain="").text.splitlines()
    told = {json.loads(line)["id"] for line in found}
    assert told >= {line.id for line in before}
    assert lines(scene.services, verb="export")[0].actor == audit_log.user_actor(scene.user.id)


def test_an_export_as_csv_carries_out_nothing(scene, client):
    with scene.services.db.begin() as session:
        audit_log.write(
            session,
            "plan",
            '=HYPERLINK("http://evil")',
            scene.services.now(),
            audit_log.Subject("x", account_id=scene.account.id),
            actor="recover",
        )
    text = scene.post(client, f"{PAGE}/export", PAGE, format="csv", chain="").text
    rows = list(csv.DictReader(io.StringIO(text)))
    [words] = [row["reason"] for row in rows if "HYPERLINK" in row["reason"]]
    assert words.startswith("'=")


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_owners_export_and_erase_and_others_are_not_offered_it(scene, client, role):
    case = scene.failed()
    set_role(scene, role)
    page = client.get(PAGE).text
    assert "Download" not in page
    assert PERSONAL not in page
    token = {"csrf_token": scene.csrf(client, "/settings/team")}
    assert client.get(PERSONAL).status_code == 403
    for path in (f"{PAGE}/export", *(f"{PERSONAL}/{act}" for act in ("erase", "copy", "person"))):
        data = token | {"who": case.customer_email, "format": "csv", "chain": ""}
        assert client.post(path, data=data).status_code == 403


def test_a_person_is_shown_before_they_are_erased_and_gone_afterwards(scene, client):
    case = scene.failed(email="zebedee@subscriber.test", name="Zebedee Quill")
    page = scene.post(client, f"{PERSONAL}/person", PERSONAL, who="Zebedee@subscriber.test").text
    assert case.stripe_customer_id in page
    assert "cannot be undone" in page
    assert [line.actor for line in lines(scene.services, verb="view", about="customer")] == [
        audit_log.user_actor(scene.user.id)
    ]
    assert "What stays" in page

    copy = scene.post(client, f"{PERSONAL}/copy", PERSONAL, who=case.stripe_customer_id)
    assert copy.json["customers"][0]["cases"][0]["customer_name"] == "Zebedee Quill"

    answer = scene.post(client, f"{PERSONAL}/erase", PERSONAL, who=case.stripe_customer_id)
    assert answer.status_code == 303
    assert "no more mail is sent" in client.get(PERSONAL).text
    assert "Zebedee" not in client.get("/").text + client.get(f"/cases/{case.id}").text
    assert "These words were erased." in client.get(PAGE).text
    assert scene.case(case.id).erased_at is not None


def test_a_stranger_is_not_found_and_nothing_is_erased(scene, client):
    case = scene.failed()
    for act in ("person", "copy", "erase"):
        answer = scene.post(client, f"{PERSONAL}/{act}", PERSONAL, who="who@nobody.test")
        assert "Nothing is kept here about who@nobody.test" in answer.text
    assert scene.case(case.id).customer_email


def test_how_long_is_saved_tried_and_refused_with_the_reason(scene, client):
    def post(days, **more):
        return scene.post(client, f"{PERSONAL}/keep", PERSONAL, days=days, **more)

    assert "Nothing is that old" in post("500", **{"try": "1"}).text
    assert "400 to 3650 days" in post("30").text
    assert "no number of days" in post("soon").text
    assert keep_days(scene) is None
    assert post("500").status_code == 303
    assert keep_days(scene) == 500
    assert 'value="500"' in client.get(PERSONAL).text
    post("")
    assert keep_days(scene) is None


def keep_days(scene):
    with scene.services.db.read() as session:
        return session.get_one(Company, scene.user.company_id).keep_days


def test_a_hundred_thousand_lines_cost_no_more_than_one_page(scene, client):
    """Counted in rows the database hands over, not in time."""
    row = {
        "chain": f"account:{scene.account.id}",
        "account_id": scene.account.id,
        "stripe_customer_id": "",
        "actor": "recover",
        "verb": "plan",
        "about": "x",
        "reason": "y",
        "details": {},
        "salt": "s",
        "digest": "d",
        "at": scene.services.now(),
    }
    with scene.services.db.begin() as session:
        session.execute(insert(AuditLogEntry), [row] * 100_000)
    page = client.get(PAGE)
    assert page.text.count("<li class=") <= audit_log_list.PAGE + 10
    assert len(page.data) < 100_000
    assert client.get(PAGE, query_string={"before": "50000"}).status_code == 200
