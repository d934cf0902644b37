"""The settings pages: shown, saved all together or not at all, by whoever may, and undone."""

from __future__ import annotations

import html
import re

import pytest
from sqlalchemy import select

from recover.accounts.settings import catalogue, changes
from recover.models import Account, AuditLogEntry, Company, User

pytest_plugins = ("web_cast",)

KEYS = [page.key for page in catalogue.PAGES]
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@pytest.fixture
def client(scene):
    return scene.sign_in()


def again(scene, account=None):
    with scene.services.db.read() as session:
        return session.get_one(Account, (account or scene.account).id)


def form_of(page):
    """The hidden fields of the page's settings form."""
    return dict(HIDDEN.findall(page.text.split("settings-form", 1)[1].split("</form>", 1)[0]))


def values(page, **typed):
    """What a browser sends: the page's own values, with some typed over."""
    body = page.text.split("settings-form", 1)[1].split("</form>", 1)[0]
    found = form_of(page)
    for tag in re.findall(r"<input [^>]*>", body):
        name, kind = (re.search(rf'{part}="(\w+)"', tag)[1] for part in ("name", "type"))
        value = html.unescape(re.search(r'value="([^"]*)"', tag)[1])
        if kind not in ("radio", "checkbox") or " checked" in tag:
            found[name] = value
    for name, text in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\n?([^<]*)<', body):
        found[name] = html.unescape(text)
    for select_, options in re.findall(
        r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', body, re.DOTALL
    ):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        found[select_] = "" if chosen is None else (chosen[1] or chosen[2])
    found |= typed
    return {name: value for name, value in found.items() if value is not None}


def save(scene, client, key, account=None, **typed):
    path = f"/settings/{key}/{(account or scene.account).id}"
    return client.post(path, data=values(client.get(path), **typed))


def lines(scene):
    query = select(AuditLogEntry).where(AuditLogEntry.verb == "set").order_by(AuditLogEntry.id)
    with scene.services.db.read() as session:
        return list(session.scalars(query))


def text(page):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.text)))


@pytest.mark.parametrize("key", KEYS)
def test_each_page_shows_each_of_its_settings_with_what_it_does(client, key):
    page = client.get(f"/settings/{key}")
    assert page.status_code == 200
    [about] = [one for one in catalogue.PAGES if one.key == key]
    for setting in about.settings:
        assert html.escape(setting.title, quote=False) in page.text
        assert f'id="setting-{setting.name}-about"' in page.text
        assert f'name="{setting.name}"' in page.text


@pytest.mark.parametrize("key", KEYS)
def test_what_is_saved_unchanged_changes_nothing(scene, client, key):
    before = changes.values_of(again(scene), catalogue.SETTINGS)
    answer = save(scene, client, key)
    assert answer.status_code == 303, text(answer)
    assert changes.values_of(again(scene), catalogue.SETTINGS) == before
    assert lines(scene) == []
    assert "nothing was changed" in client.get(answer.location).text


def test_every_changed_setting_has_one_line_on_record_with_before_and_after(scene, client):
    answer = save(scene, client, "brand", name="Acme & Sons", color="#0A0")
    assert answer.status_code == 303, text(answer)
    account = again(scene)
    assert (account.name, account.color) == ("Acme & Sons", "#00aa00")
    told = {line.about: (line.actor, line.details) for line in lines(scene)}
    who = f"user:{scene.user.id}"
    assert told == {
        "setting:name": (who, {"before": "Acme", "after": "Acme & Sons"}),
        "setting:color": (who, {"before": "", "after": "#00aa00"}),
    }


def test_nothing_is_saved_where_one_field_is_wrong_and_what_was_typed_stays(scene, client):
    answer = save(
        scene, client, "brand", name="Renamed", logo_url="http://plain.test/x.png", color="red"
    )
    assert answer.status_code == 422
    assert again(scene).name == "Acme"
    assert lines(scene) == []
    for kept in ("Renamed", "http://plain.test/x.png"):
        assert f'value="{kept}"' in answer.text
    assert "Nothing was saved." in text(answer)
    assert "2 fields need" in text(answer)
    assert "Logo address must be a whole address such as https://" in text(answer)
    field = re.search(r'<input[^>]*id="setting-logo_url"[^>]*>', answer.text)[0]
    assert 'aria-invalid="true"' in field
    assert "setting-logo_url-fault" in field
    assert 'id="setting-logo_url-fault"' in answer.text
    assert "<title>Error: Brand" in answer.text


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("wrong", [False, True])
def test_every_field_has_a_name_and_points_to_its_explanation(scene, client, key, wrong):
    """What a screen reader says: a label or a legend, then what describes the field."""
    [about] = [one for one in catalogue.PAGES if one.key == key]
    page = client.get(f"/settings/{key}")
    if wrong:
        nonsense = {one.name: "\u2603" for one in about.settings if one.kind.widget != "toggle"}
        page = save(scene, client, key, **nonsense)
    ids = re.findall(r' id="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))
    for setting in about.settings:
        own = f"setting-{setting.name}"
        tag = re.search(rf'<(\w+)[^>]* id="{own}"[^>]*>', page.text)
        described = re.search(r'aria-describedby="([^"]+)"', tag[0])[1].split()
        assert f"{own}-about" in described
        assert set(described) <= set(ids)
        inside = page.text[tag.start() :].split("</fieldset>")[0]
        labelled = f'for="{own}"' in page.text or f"<legend>{setting.title}" in inside
        assert labelled or setting.kind.widget == "toggle"
        faulty = f'id="{own}-fault"' in page.text
        assert faulty == (f"{own}-fault" in described)


def test_quiet_hours_must_leave_an_hour_to_write_in(scene, client):
    answer = save(scene, client, "sending", send_from_hour="20", send_until_hour="9")
    assert answer.status_code == 422
    assert "must be later than 20:00" in text(answer)
    assert again(scene).send_from_hour is None


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(scene, client):
    path = f"/settings/brand/{scene.account.id}"
    mine = values(client.get(path), name="Mine", website_url="https://mine.test")
    changes.change(scene.services, scene.account.id, {"name": "Theirs"}, actor="command")

    answer = client.post(path, data=mine)

    assert answer.status_code == 409
    assert again(scene).name == "Theirs"
    assert again(scene).website_url == "https://acme.test"
    assert "In force now: Theirs" in text(answer)
    assert 'value="Mine"' in answer.text
    deliberate = client.post(path, data=values(answer))
    assert deliberate.status_code == 303
    assert again(scene).name == "Mine"


def test_a_change_on_another_page_is_no_conflict(scene, client):
    path = f"/settings/brand/{scene.account.id}"
    mine = values(client.get(path), name="Mine")
    changes.change(scene.services, scene.account.id, {"max_retries": 3}, actor="command")
    assert client.post(path, data=mine).status_code == 303


# Grave changes


def test_a_mode_that_lets_charges_leave_is_confirmed_first(scene, client):
    changes.change(scene.services, scene.account.id, {"mode": "observe"}, actor="command")
    asked = save(scene, client, "retries", mode="recover")
    assert asked.status_code == 200
    assert "cannot be taken back" in text(asked)
    assert again(scene).mode == "observe"

    answer = client.post(f"/settings/retries/{scene.account.id}", data=values(asked))

    assert answer.status_code == 303
    assert again(scene).mode == "recover"


def test_a_confirmation_is_of_what_was_shown_and_of_nothing_else(scene, client):
    asked = save(scene, client, "ending", end_of_dunning="uncollectible")
    changed = values(asked, end_of_dunning="cancel")
    answer = client.post(f"/settings/ending/{scene.account.id}", data=changed)
    assert answer.status_code == 200
    assert "cannot be brought back" in text(answer)
    assert again(scene).end_of_dunning == "leave"


# Undo


def saved_page(client, answer):
    return client.get(answer.location)


def undo(client, page, **more):
    form = page.text.split('class="note good saved"', 1)[1].split("</form>", 1)[0]
    found = HIDDEN.findall(form)
    data = {name: [v for n, v in found if n == name] for name, _ in found} | more
    action = re.search(r'action="([^"]+)"', form)[1]
    return client.post(action, data=data)


def test_after_saving_everything_that_was_saved_can_be_undone_at_once(scene, client):
    answer = save(scene, client, "brand", name="Renamed", postal_address="1 Street\nTown")
    page = saved_page(client, answer)
    assert "Saved: Postal address, Company name." in text(page)
    assert again(scene).postal_address == "1 Street\nTown"

    back = undo(client, page)

    assert back.location == f"/settings/brand/{scene.account.id}"
    assert "Undone: " in client.get(back.location).text
    account = again(scene)
    assert (account.name, account.postal_address) == ("Acme", "")
    assert len(lines(scene)) == 4
    assert lines(scene)[-1].details["undoes"] == [lines(scene)[0].id, lines(scene)[1].id]


def test_an_old_offer_to_undo_takes_nothing_back_that_was_changed_since(scene, client):
    page = saved_page(client, save(scene, client, "brand", name="First"))
    changes.change(scene.services, scene.account.id, {"name": "Second"}, actor="command")
    back = undo(client, page)
    assert "Nothing was undone" in client.get(back.location).text
    assert again(scene).name == "Second"


def test_undoing_what_would_let_charges_leave_is_confirmed_first(scene, client):
    page = saved_page(client, save(scene, client, "retries", mode="observe"))
    asked = undo(client, page)
    assert asked.status_code == 200
    assert "cannot be taken back" in text(asked)
    assert again(scene).mode == "observe"
    data = dict(HIDDEN.findall(asked.text.split("facts left", 1)[1]))
    client.post(f"/settings/changes/{scene.account.id}/undo", data=data)
    assert again(scene).mode == "recover"


def test_the_list_of_changes_says_who_when_before_and_after(scene, client):
    assert "No setting was changed so far" in client.get("/settings/changes").text
    save(scene, client, "brand", name="Renamed")
    changes.change(scene.services, scene.account.id, {"max_retries": 3}, actor="command")
    page = client.get("/settings/changes")
    told = text(page)
    assert "Company name" in told
    assert "ada@acme.test" in told
    assert "Acme to Renamed" in told
    assert "Somebody at the command line" in told
    assert "as the campaign says to 3 retries" in told
    assert page.text.count("Undo the change of") == 2


def test_only_the_latest_change_of_a_setting_can_be_undone(scene, client):
    for name in ("One", "Two", "Acme", "One"):
        changes.change(scene.services, scene.account.id, {"name": name}, actor="command")
    assert client.get("/settings/changes").text.count("Undo the change of") == 1


def test_a_long_history_has_older_pages(scene, client):
    for number in range(changes.SHOWN + 5):
        name = f"Name {number}"
        changes.change(scene.services, scene.account.id, {"name": name}, actor="command")
    page = client.get("/settings/changes")
    assert "Name 0" not in page.text
    older = re.search(r'href="([^"]*before=\d+)"', page.text)[1]
    assert "Acme to Name 0" in text(client.get(older))


# Who may, and whose


@pytest.fixture
def viewer(scene):
    with scene.services.db.begin() as session:
        row = User(
            company_id=scene.user.company_id,
            email="vi@acme.test",
            role="viewer",
            created_at=scene.services.now(),
        )
        session.add(row)
    return scene.sign_in(row)


def test_a_viewer_sees_the_settings_and_can_change_nothing(scene, viewer):
    page = viewer.get("/settings/brand")
    assert "You can look at these settings" in page.text
    assert ">Save<" not in page.text
    assert re.search(r'<input[^>]*id="setting-name"[^>]* disabled', page.text)
    data = {"csrf_token": scene.csrf(viewer, "/settings/brand"), "name": "Mine"}
    assert viewer.post(f"/settings/brand/{scene.account.id}", data=data).status_code == 403
    url = f"/settings/changes/{scene.account.id}/undo"
    assert viewer.post(url, data=data).status_code == 403


@pytest.fixture
def rival(scene):
    with scene.services.db.begin() as session:
        company = Company(name="Rival", created_at=scene.services.now())
        session.add(company)
        session.flush()
        spy = User(company_id=company.id, email="spy@rival.test", created_at=scene.services.now())
        session.add(spy)
    return scene.sign_in(spy)


def test_another_company_s_settings_do_not_exist(scene, client, rival):
    save(scene, client, "brand", name="Renamed")
    [line] = lines(scene)
    number = scene.account.id
    paths = [f"/settings/{key}/{number}" for key in (*KEYS, "changes")]
    paths += [f"/settings/brand/{number}/preview/{what}" for what in ("page", "mail")]
    assert [rival.get(path).status_code for path in paths] == [404] * len(paths)
    token = scene.csrf(rival, "/")
    for path in paths[: len(KEYS)]:
        assert rival.post(path, data={"csrf_token": token, "name": "x"}).status_code == 404
    data = {"csrf_token": token, "id": line.id, "sure": "yes"}
    assert rival.post(f"/settings/changes/{number}/undo", data=data).status_code == 404
    assert again(scene).name == "Renamed"
    assert "Welcome to Recover" in rival.get("/settings/brand").text


@pytest.fixture
def second(scene):
    with scene.services.db.begin() as session:
        row = Account(
            connection="key",
            company_id=scene.account.company_id,
            stripe_account_id="acct_2",
            livemode=False,
            hook_token="second",
            mode="observe",
            campaign_key="default",
            campaign_version=1,
            name="Second shop",
            connected_at=scene.services.now(),
        )
        session.add(row)
    return row


def test_each_account_has_settings_of_its_own(scene, client, second):
    page = client.get("/settings/brand")
    assert f'href="/settings/brand/{second.id}"' in page.text
    save(scene, client, "brand", second, name="Renamed")
    assert (again(scene).name, again(scene, second).name) == ("Acme", "Renamed")
    assert (
        "Renamed"
        not in client.get(f"/settings/changes/{scene.account.id}").text.split("<section")[1]
    )
    [line] = lines(scene)
    data = {"csrf_token": scene.csrf(client, "/settings"), "id": line.id}
    client.post(f"/settings/changes/{scene.account.id}/undo", data=data)
    assert again(scene, second).name == "Renamed"


# The preview


def test_the_preview_shows_what_is_typed_and_saves_nothing(scene, client):
    page = save(scene, client, "brand", name="Typed <b>", color="#123456", act="preview")
    assert page.status_code == 200
    assert again(scene).name == "Acme"
    sources = [html.unescape(one) for one in re.findall(r'<iframe[^>]*src="([^"]+)"', page.text)]
    assert len(sources) == 2
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    for source in sources:
        shown = client.get(source)
        policy = shown.headers["Content-Security-Policy"]
        assert "Typed &lt;b&gt;" in shown.text
        assert "frame-ancestors 'self'" in policy
        assert "'none' 'self'" not in policy
        assert "script-src 'self'" in policy
    assert "/brand/123456.css" in client.get(sources[0]).text
    assert "#123456" in client.get(sources[1]).text


def test_a_preview_of_something_unsound_shows_what_is_in_force(scene, client):
    path = f"/settings/brand/{scene.account.id}/preview/page?name=&color=red&logo_url=javascript:x"
    shown = client.get(path)
    assert shown.status_code == 200
    assert "Acme" in shown.text
    assert "javascript" not in shown.text


def test_pages_elsewhere_may_not_be_framed(client):
    assert (
        "frame-ancestors 'none'"
        in client.get("/settings/sending").headers["Content-Security-Policy"]
    )


def test_how_well_a_colour_reads_is_said(scene, client):
    answer = save(scene, client, "brand", color="#777777", act="preview")
    assert "a darker or lighter colour reads better" in text(answer)
    answer = save(scene, client, "brand", color="#003366", act="preview")
    assert "Text on it is white; the contrast is 12" in text(answer)
