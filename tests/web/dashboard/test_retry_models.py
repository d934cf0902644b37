"""The page about retries: who times them, what was learned, and going back with one's eyes open."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from learning_cast import add_cases, again, always, rows
from sqlalchemy import update

from recover.accounts import connections
from recover.dunning import DEFAULT
from recover.learning import timing_in_force, training
from recover.models import Account, Attempt, Company, RecoveryCase, RetryModel, User
from recover.web.dashboard import retry_models_view

pytest_plugins = ("web_cast",)


@pytest.fixture(autouse=True)
def engine_decides(scene):
    connections.set_retries(scene.services, scene.account.id, {"timing": "engine"})
    timing_in_force._engines.clear()


@pytest.fixture
def client(scene):
    return scene.sign_in()


def night(scene, count, succeeds=None):
    """``count`` more finished cases, and the night after them."""
    add_cases(scene.services, scene.account, count, *([succeeds] if succeeds else []))
    return training.learn(scene.services, again(scene.services, scene.account))


def said(scene, chance, outcomes, **proposal):
    """Scheduled tries that were given this chance, and what came of each."""
    ids = add_cases(scene.services, scene.account, len(outcomes), age=timedelta(days=5))
    kept = {"model": "3f2a9c01deadbeef", "chance": chance, "propensity": 0.95} | proposal
    with scene.services.db.begin() as session:
        for case_id, outcome in zip(ids, outcomes, strict=True):
            mine = Attempt.case_id == case_id, Attempt.trigger == "schedule"
            session.execute(update(Attempt).where(*mine).values(outcome=outcome, proposal=kept))
    return ids


def spoil(scene, row):
    with scene.services.db.begin() as session:
        session.execute(update(RetryModel).where(RetryModel.id == row.id).values(body="{"))
    timing_in_force._engines.clear()


def connect(scene, company_id, name, **fields):
    """One more account."""
    with scene.services.db.begin() as session:
        row = Account(
            connection="key",
            company_id=company_id,
            stripe_account_id=f"acct_{name}",
            livemode=False,
            hook_token=name,
            mode="recover",
            campaign_key=DEFAULT.key,
            campaign_version=DEFAULT.version,
            name=name,
            connected_at=scene.services.now(),
            **fields,
        )
        session.add(row)
    return row


def text(html):
    """What stands on the page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_new_account_is_told_what_will_happen_tonight(scene, client):
    html = client.get("/retries").text
    for words in (
        "The retry engine times the retries, on the shipped prior",
        "What happens tonight",
        "No payment has failed yet.",
        "No retry timed by the engine has an answer yet",
        "At most 8 on one invoice",
        "At least 12 hours between two on one card",
        "5% of the retries at a random allowed hour",
        f"recover account set {scene.account.id}",
    ):
        assert words in html
    assert "Versions" not in html


def test_a_young_account_is_told_when_its_first_case_can_be_learned_from(scene, client):
    add_cases(scene.services, scene.account, 1, age=timedelta(days=2), state="open")
    with scene.services.db.read() as session:
        case = session.query(RecoveryCase).one()
    over = case.failed_at + DEFAULT.window
    assert f"on {over.day} {over:%b %Y}." in client.get("/retries").text


def test_cases_that_wait_for_their_first_night_are_counted(scene, client):
    add_cases(scene.services, scene.account, 3)
    assert "3 cases are past the window." in client.get("/retries").text


def test_the_version_in_use_is_named_with_what_it_learned_from(scene, client):
    row = night(scene, 300)
    html = client.get("/retries").text
    made = f"{row.made_at.day} {row.made_at:%b %Y}"
    tries = row.figures["used"]
    assert f"on version {row.version[:8]}, learned from {tries} attempts on {made}." in html
    assert row.reason in html
    assert (
        f"Predicts {row.figures['held_out']} held-out attempts better than the one before" in html
    )
    believed = training.compare(None, row)
    assert all(one.replace("'", "&#39;").replace('"', "&#34;") in html for one in believed)
    assert [html.index(one) for one in believed] == sorted(html.index(one) for one in believed)


def test_limits_set_for_the_account_are_told_as_such(scene, client):
    limits = {"max_retries": 3, "min_gap_hours": 36, "explore": 0.0}
    connections.set_retries(scene.services, scene.account.id, limits)
    html = client.get("/retries").text
    assert "At most 3 on one invoice" in html
    assert "At least 36 hours" in html
    assert html.count("Set for this account") == 2
    assert "what is never tried is never learned" in html


def test_fixed_days_are_named_and_learning_goes_on(scene, client):
    row = night(scene, 100)
    connections.set_retries(scene.services, scene.account.id, {"timing": "fixed"})
    html = client.get("/retries").text
    assert "The fixed days time the retries: 1, 3, 7, 13 and 20 days after" in html
    assert "--timing engine" in html
    assert "random allowed hour" not in html
    assert "Would be used" in html
    assert row.version[:8] in html


@pytest.mark.parametrize(
    ("mode", "words"), [("stripe", "Stripe times its own retries"), ("observe", "none is made")]
)
def test_modes_in_which_the_engine_charges_nobody_say_so(scene, client, mode, words):
    connections.set_mode(scene.services, scene.account.id, mode)
    assert words in client.get("/retries").text


def test_a_refused_version_is_shown_with_its_reason_and_cannot_be_used(scene, client):
    sound, refused = night(scene, 150), night(scene, 1200, always)
    assert not refused.accepted
    html = client.get("/retries").text
    assert "Refused" in html
    assert "something is wrong with them" in html
    path = f"/retries/{scene.account.id}/versions/{refused.id}"
    assert f"{path}/use" not in html
    assert client.get(f"{path}/use").status_code == 404
    page = client.get(path).text
    assert "A refused version" in page
    assert "nothing to compare" in page
    token = {"csrf_token": scene.csrf(client, "/settings/team")}
    assert client.post(f"{path}/use", data=token).status_code == 404
    assert again(scene.services, scene.account).model_id == sound.id


def test_going_back_asks_first_pins_and_can_be_taken_back(scene, client):
    first, then = night(scene, 150), night(scene, 300)
    base = f"/retries/{scene.account.id}"
    path = f"{base}/versions/{first.id}"
    listed = client.get("/retries").text
    assert path in listed
    assert f'"{base}/versions/{then.id}"' not in listed  # it is the one in use
    compared = client.get(path).text
    assert f"Against the one in use, version {then.version[:8]}" in compared
    for one in training.compare(then, first):
        assert one.split('"')[0] in compared
    asked = client.get(f"{path}/use").text
    assert "The nights go on learning but change nothing" in asked
    assert again(scene.services, scene.account).model_id == then.id  # a look changes nothing
    answer = scene.post(client, f"{path}/use", f"{path}/use")
    assert (answer.status_code, answer.location) == (303, base)
    account = again(scene.services, scene.account)
    assert (account.model_id, account.model_pinned) == (first.id, True)
    html = client.get(base).text
    assert f"Version {first.version[:8]} is used from now on." in html
    assert "Somebody chose it" in html
    scene.post(client, f"{base}/follow", base)
    account = again(scene.services, scene.account)
    assert (account.model_id, account.model_pinned) == (then.id, False)
    assert "Let the nights choose again" not in client.get(base).text


def test_the_shipped_prior_can_be_gone_back_to(scene, client):
    night(scene, 150)
    path = f"/retries/{scene.account.id}/versions/shipped"
    assert f"{path}/use" in client.get("/retries").text
    assert "What every account begins from" in client.get(path).text
    scene.post(client, f"{path}/use", f"{path}/use")
    account = again(scene.services, scene.account)
    assert (account.model_id, account.model_pinned) == (None, True)
    html = client.get("/retries").text
    assert "The shipped prior is used from now on." in html
    assert "Nothing: the shipped prior is what decides." in html


def test_many_versions_come_in_pages(scene, client):
    template = night(scene, 60)
    with scene.services.db.begin() as session:
        session.add_all(
            RetryModel(
                account_id=scene.account.id,
                version=f"{number:016x}",
                body=template.body,
                accepted=True,
                reason=f"Night {number}.",
                made_at=scene.services.now(),
            )
            for number in range(2 * retry_models_view.PAGE)
        )
    seen, path = [], "/retries"
    while path:
        html = client.get(path).text
        seen += re.findall(r"Night (\d+)\.", html)
        older = re.search(r'href="([^"]*before=[^"]*)">Older', html)
        assert ("What every account begins from" in html) is (older is None)
        path = older[1] if older else ""
    assert list(map(int, seen)) == list(reversed(range(2 * retry_models_view.PAGE)))


@pytest.mark.parametrize("query", ["before=x", "before=-1", "before=99999999999999999999999"])
def test_a_spoilt_address_shows_the_newest_versions(scene, client, query):
    row = night(scene, 60)
    assert row.version[:8] in client.get(f"/retries?{query}").text


def test_said_and_happened_stand_side_by_side(scene, client):
    said(scene, 0.15, ["succeeded"] * 6 + ["failed"] * 34)
    said(scene, 0.3, ["succeeded"] * 25 + ["failed"] * 5)
    said(scene, 0.07, ["failed"] * 150)
    said(scene, 0.5, ["succeeded"] * 19)
    said(scene, 0.03, ["requires_action", "pending", "abandoned", "observed"])
    shown = text(client.get("/retries").text)
    assert "15% 10 to 20% 15% 6 of 40 As predicted" in shown
    assert "30% 20 to 40% 83% 25 of 30 More often" in shown
    assert "7% 5 to 10% 0% 0 of 150 Less often" in shown
    assert "50% 40 to 100%" in shown
    assert "19 of 19 Too few to say" in shown
    assert "0 to 5%" not in shown  # no bank answered one of those
    assert "The newest 239 retries" in shown


def test_tries_at_a_random_hour_are_counted(scene, client):
    said(scene, 0.2, ["failed"] * 5)
    said(scene, 0.2, ["failed"] * 2, propensity=0.0004)
    shown = text(client.get("/retries").text)
    assert "The newest 7 retries" in shown
    assert "2 of them were made at a random hour" in shown


def test_tries_of_the_fixed_days_and_of_others_are_no_chances(scene, client):
    said(scene, None, ["failed"] * 30)
    other = connect(scene, scene.account.company_id, "Other")
    with scene.services.db.begin() as session:
        session.execute(update(Attempt).values(account_id=other.id))
    said(scene, None, ["failed"] * 30)
    assert "No retry timed by the engine has an answer yet" in client.get("/retries").text


def test_a_damaged_version_is_said_and_the_prior_decides(scene, client):
    night(scene, 100)
    row = night(scene, 100)
    spoil(scene, row)
    html = client.get("/retries").text
    assert "The saved model is damaged" in html
    assert "In use, damaged" in html
    assert "cannot be read" in html
    front = client.get("/").text
    assert "Retries: The saved model is damaged" in front
    assert f'href="/retries/{scene.account.id}">Choose a version' in front
    path = f"/retries/{scene.account.id}/versions/shipped"
    assert "cannot be compared" in client.get(path).text
    scene.post(client, f"{path}/use", f"{path}/use")
    assert "damaged" not in client.get("/").text


def test_a_refusal_is_said_on_the_first_page_until_a_night_goes_well(scene, client):
    night(scene, 150)
    assert "refused" not in client.get("/").text
    night(scene, 1200, always)
    assert "was refused; the version before stays in use." in client.get("/").text
    connections.set_retries(scene.services, scene.account.id, {"timing": "fixed"})
    assert "was refused" not in client.get("/").text


def test_cases_with_doubtful_facts_are_counted_and_listed(scene, client):
    doubted = scene.failed("insufficient_funds", name="Doubted One")
    plain = scene.failed("insufficient_funds", name="Plain One", email="b@subscriber.test")
    ended = scene.failed("insufficient_funds", name="Ended One", email="c@subscriber.test")
    warning = 'The decline code "<new>" is not known here: treated with care.'
    with scene.services.db.begin() as session:
        for case_id in (doubted.id, ended.id):
            session.get_one(RecoveryCase, case_id).warnings = [warning]
        session.get_one(RecoveryCase, plain.id).warnings = []
        session.get_one(RecoveryCase, ended.id).state = "exhausted"
    front = client.get("/").text
    assert "1 open case has facts that the retry engine distrusts or does not know." in front
    assert 'href="/?state=doubted#cases">Show them' in front
    assert "With a warning" not in front
    listed = client.get("/?state=doubted").text
    assert re.findall(r"(\w+) One</a>", listed) == ["Doubted"]
    assert "With a warning" in listed
    page = client.get(f"/cases/{doubted.id}").text
    assert "The retry engine is not sure of these facts" in page
    assert "&#34;&lt;new&gt;&#34; is not known here" in page
    for other in (plain, ended):
        assert "not sure of these facts" not in client.get(f"/cases/{other.id}").text


def test_the_case_page_says_what_chance_a_try_was_given(scene, client):
    [told] = said(scene, 0.31, ["failed"])
    [drawn] = said(scene, 0.012, ["failed"], propensity=0.0004)
    [fixed] = said(scene, None, ["failed"], model="")
    assert "Predicted: 31% · version 3f2a9c01</p>" in client.get(f"/cases/{told}").text
    page = client.get(f"/cases/{drawn}").text
    assert "Predicted: 1.2% · version 3f2a9c01 · at a random hour, to learn from it" in page
    assert "Predicted" not in client.get(f"/cases/{fixed}").text


def test_every_page_of_the_bar_is_one_step_away(scene, client):
    case = scene.failed()
    for path, current in (("/", "Cases"), ("/retries", "Retries"), (f"/cases/{case.id}", "Cases")):
        [bar] = re.findall(r'<nav class="tabs bar-nav".*?</nav>', client.get(path).text, re.DOTALL)
        assert re.findall(r'aria-current="page">(\w+)', bar) == [current]
        assert 'href="/"' in bar
        assert 'href="/retries"' in bar
    assert "bar-nav" not in scene.app.test_client().get("/sign-in").text


def test_each_company_sees_only_its_own_versions(scene, client):
    mine = night(scene, 100)
    with scene.services.db.begin() as session:
        rival = Company(name="Rival", created_at=scene.services.now())
        session.add(rival)
        session.flush()
        spy = User(company_id=rival.id, email="spy@rival.test", created_at=scene.services.now())
        session.add(spy)
    theirs = connect(scene, rival.id, "Rival")
    browser = scene.sign_in(spy)
    base = f"/retries/{scene.account.id}"
    token = {"csrf_token": scene.csrf(browser, "/")}
    for path in (base, f"{base}/versions/{mine.id}", f"{base}/versions/{mine.id}/use"):
        assert browser.get(path).status_code == 404
    for path in (
        f"{base}/follow",
        f"{base}/versions/{mine.id}/use",
        f"{base}/versions/shipped/use",
    ):
        assert browser.post(path, data=token).status_code == 404
    # Nor by way of an account of one's own.
    borrowed = f"/retries/{theirs.id}/versions/{mine.id}"
    assert browser.get(borrowed).status_code == 404
    assert browser.post(f"{borrowed}/use", data=token).status_code == 404
    assert mine.version[:8] not in browser.get("/retries").text
    account = again(scene.services, scene.account)
    assert (account.model_id, account.model_pinned) == (mine.id, False)


def test_a_company_without_an_account_is_told_how_to_connect_one(scene, client):
    with scene.services.db.begin() as session:
        elsewhere = Company(name="Elsewhere", created_at=scene.services.now())
        session.add(elsewhere)
        session.flush()
        session.get_one(Account, scene.account.id).company_id = elsewhere.id
    assert 'href="/settings/stripe">Connect your Stripe account' in client.get("/retries").text
    assert rows(scene.services, scene.account) == []


def test_of_several_accounts_each_has_its_tab(scene, client):
    other = connect(scene, scene.account.company_id, "Other Ltd", max_retries=2)
    assert f'href="/retries/{other.id}">Other Ltd' in client.get("/retries").text
    assert "At most 2 on one invoice" in client.get(f"/retries/{other.id}").text
