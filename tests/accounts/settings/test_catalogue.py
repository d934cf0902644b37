"""The settings of an account: what each takes, what is refused in which words, who changed what."""

from __future__ import annotations

import ast
import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from recover.accounts import connections
from recover.accounts.settings import catalogue, changes
from recover.accounts.settings.catalogue import PAGES, SETTINGS
from recover.compliance import audit_log
from recover.dunning import DEFAULT
from recover.foundation.errors import PermanentError
from recover.models import Account, AuditLogEntry, RecoveryCase

ROOT = Path(__file__).parents[3]
LONG = "a" * 300


def kind(name):
    return SETTINGS[name].kind


def again(services, account):
    with services.db.read() as session:
        return session.get_one(Account, account.id)


def lines(services):
    query = select(AuditLogEntry).where(AuditLogEntry.verb == "set").order_by(AuditLogEntry.id)
    with services.db.read() as session:
        return list(session.scalars(query))


# What each takes


@pytest.mark.parametrize(
    ("name", "typed", "meant"),
    [
        ("name", "  Acme   Ltd\u200b ", "Acme Ltd"),
        ("postal_address", "1 Street \n\n Town\n", "1 Street\nTown"),
        ("color", "#ABC", "#aabbcc"),
        ("color", " #0A7544 ", "#0a7544"),
        ("logo_url", "https://cdn.acme.test/logo.png", "https://cdn.acme.test/logo.png"),
        ("support_email", " help@acme.test ", "help@acme.test"),
        ("sender_email", "billing@münchen.example", "billing@münchen.example"),
        ("timezone", "Europe/Lisbon", "Europe/Lisbon"),
        ("timezone", "Etc/UTC", "Etc/UTC"),
        ("send_from_hour", "", None),
        ("send_from_hour", "0", 0),
        ("send_until_hour", "24", 24),
        ("messages_per_week", " 7 ", 7),
        ("mode", "observe", "observe"),
        ("max_retries", "0", 0),
        ("explore", "0", 0.0),
        ("explore", "2,5 %", 0.025),
        ("explore", "30", 0.3),
        ("notify_to", "a@acme.test, b@acme.test;a@acme.test\n\n", "a@acme.test\nb@acme.test"),
        ("notify_to", "", ""),
        ("notify_weekly", "on", True),
        ("notify_weekly", "", False),
    ],
)
def test_what_is_typed_means_what_a_person_would_mean_by_it(name, typed, meant):
    value = kind(name).read(typed)
    assert value == meant
    assert type(value) is type(meant)
    assert kind(name).fault(value) == ""
    assert kind(name).read(kind(name).show(value)) == value  # shown again, it means the same


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("name", " \u200b ", "must not be empty"),
        ("name", LONG, "must have at most 120 characters, not 300"),
        ("color", "red", "must be a colour such as #1f6feb"),
        ("color", "#12345g", "must be a colour"),
        ("color", "#fff;}", "must be a colour"),
        ("logo_url", "http://acme.test/logo.png", "https://"),
        ("logo_url", "javascript:alert(1)", "https://"),
        ("logo_url", "https://acme.test/a b.png", "https://"),
        ("logo_url", 'https://acme.test/"x', "https://"),
        ("website_url", "acme.test", "https://"),
        ("website_url", "https://[", "https://"),
        ("support_email", "help", "not “help”"),
        ("support_email", "a@b.test\nBcc: c@d.test", "must be a mail address"),
        ("reply_to", "a@b.test, c@d.test", "must be a mail address"),
        ("timezone", "Lisbon", "from the list"),
        ("timezone", "../etc/passwd", "from the list"),
        ("timezone", "", "from the list"),
        ("send_from_hour", "24", "must be from 0 to 23, not 24"),
        ("send_until_hour", "0", "must be from 1 to 24, not 0"),
        ("send_until_hour", "noon", "must be a whole number from 1 to 24"),
        ("messages_per_week", "0", "must be from 1 to 7, not 0"),
        ("message_gap_hours", "1e3", "must be a whole number from 1 to 168"),
        ("max_retries", "16", "must be from 0 to 15, not 16"),
        ("max_retries", "٣", "must be a whole number"),
        ("min_gap_hours", "-1", "must be from 1 to 168, not -1"),
        ("explore", "31", "must be from 0 to 30 percent"),
        ("explore", "nan", "must be from 0 to 30 percent"),
        ("explore", "", "must be from 0 to 30 percent"),
        ("mode", "always", "is observe, stripe or recover, not always"),
        ("end_of_dunning", "", "is leave, cancel or uncollectible"),
        ("notify_to", "a@acme.test\nnobody", "not “nobody”"),
    ],
)
def test_what_cannot_be_is_refused_in_words_that_say_what_can(name, typed, words):
    try:
        fault = kind(name).fault(kind(name).read(typed))
    except ValueError as error:
        fault = str(error)
    assert words in fault


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", [None, 7.5, "¤", True, [], float("nan")])
def test_any_value_from_a_command_is_judged_without_breaking(name, value):
    assert isinstance(kind(name).fault(value), str)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_is_explained_and_its_default_is_sound_and_its_columns_own(setting):
    column = Account.__table__.columns[setting.name]
    if setting.name != "name":  # there is no company without one
        assert setting.kind.fault(setting.default) == ""
    if column.default is not None and setting.name not in ("color", "timezone", "mode"):
        assert column.default.arg == setting.default  # those three are set by `connect`
    assert setting.about.endswith(".")
    assert setting.title[0].isupper()
    assert setting.kind.words(setting.default)


def test_every_setting_stands_on_one_page():
    named = [one.name for page in PAGES for one in page.settings]
    assert len(named) == len(set(named)) == len(SETTINGS)


def reads():
    """Every column that some module of the product reads of an account, by name."""
    aside = {"account_settings.py", "changes.py", "settings_form.py"}
    found = set()
    for path in (ROOT / "recover").rglob("*.py"):
        if path.name in aside or {"models", "versions"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                of_account = isinstance(node.value, ast.Name) and node.value.id == "account"
                found |= {node.attr} if of_account else set()
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_read_by_whatever_it_makes_happen(name):
    assert name in reads()


@pytest.mark.parametrize(
    ("hours", "fault"),
    [
        ({"send_from_hour": 10, "send_until_hour": 10}, "later than 10:00"),
        ({"send_from_hour": 20}, "later than 20:00"),  # the campaign's own until is 20:00
        ({"send_until_hour": 9}, "later than 09:00"),
        ({"send_from_hour": 0, "send_until_hour": 24}, ""),
        ({"send_from_hour": None, "send_until_hour": None}, ""),
    ],
)
def test_hours_that_leave_no_time_to_write_contradict_each_other(hours, fault):
    found = catalogue.contradictions(hours, DEFAULT)
    assert fault in found.get("send_until_hour", "")
    assert bool(found) == bool(fault)


# Changing


def test_a_change_writes_one_line_for_each_setting_that_differs(services, account):
    wanted = {"name": "Acme", "mode": "observe", "max_retries": 4}
    ids = changes.change(services, account.id, wanted, actor="user:7")
    found = lines(services)
    assert [line.id for line in found] == ids
    assert {line.about: line.details for line in found} == {
        "setting:mode": {"before": "recover", "after": "observe"},
        "setting:max_retries": {"before": None, "after": 4},
    }
    assert {(line.actor, line.account_id) for line in found} == {("user:7", account.id)}
    assert "Who retries: from Recover retries to Observe." in [line.reason for line in found]


def test_nothing_is_changed_where_one_value_is_wrong(services, account):
    wanted = {"name": "Renamed", "max_retries": 99, "explore": 2.0}
    with pytest.raises(changes.SettingsRefused) as refused:
        changes.change(services, account.id, wanted, actor="user:7")
    assert set(refused.value.faults) == {"max_retries", "explore"}
    assert isinstance(refused.value, PermanentError)
    assert again(services, account).name == "Acme"
    assert lines(services) == []


def open_case(services, account):
    now = services.now()
    with services.db.begin() as session:
        row = RecoveryCase(
            account_id=account.id,
            stripe_invoice_id="in_1",
            currency="usd",
            amount_minor=1,
            amount_remaining_minor=1,
            state="open",
            campaign_key="default",
            campaign_version=1,
            failed_at=now,
            opened_at=now,
            next_step_at=None,
        )
        session.add(row)
    return row.id


@pytest.mark.parametrize("name", SETTINGS)
def test_open_cases_are_planned_anew_exactly_where_it_matters(services, account, name):
    case_id = open_case(services, account)
    others = {
        "mode": "observe",
        "timing": "engine",
        "end_of_dunning": "cancel",
        "leavers": "once",
        "color": "#000000",
        "timezone": "Europe/Lisbon",
        "explore": 0.01,
        "notify_to": "a@acme.test",
        "logo_url": "https://a.test/x",
        "website_url": "https://a.test/",
        "send_until_hour": 12,
    }
    current = getattr(again(services, account), name)
    value = others.get(name, (not current) if isinstance(current, bool) else None)
    if value is None:
        value = 5 if name.endswith(("hours", "hour", "week", "retries")) else "x@acme.test"
    changes.change(services, account.id, {name: value}, actor="command")
    with services.db.read() as session:
        planned = session.get_one(RecoveryCase, case_id).next_step_at
    assert (planned == services.now()) == SETTINGS[name].replans


def test_changes_by_command_are_on_record_too(services, account):
    connections.set_mode(services, account.id, "observe")
    connections.set_retries(services, account.id, {"min_gap_hours": 24})
    assert [(line.actor, line.about) for line in lines(services)] == [
        ("command", "setting:mode"),
        ("command", "setting:min_gap_hours"),
    ]


def test_the_lines_are_sealed_into_the_account_s_chain(services, account):
    changes.change(services, account.id, {"name": "Renamed"}, actor="user:7")
    audit_log.seal(services.db)
    [line] = lines(services)
    assert (line.chain, line.seq) == (f"account:{account.id}", 1)


# Two at once


def test_of_two_who_saved_what_they_saw_one_is_told(services, account):
    seen = changes.fingerprint_of(again(services, account), ["name"])
    outcomes = []
    start = threading.Barrier(2)

    def save(name):
        start.wait()
        try:
            changes.change(services, account.id, {"name": name}, actor=f"user:{name}", seen=seen)
        except changes.ChangedMeanwhile:
            outcomes.append("told")
        else:
            outcomes.append(name)

    writers = [threading.Thread(target=save, args=(name,)) for name in ("One", "Two")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    [winner, loser] = sorted(outcomes)
    assert loser == "told"
    [line] = lines(services)
    assert line.details == {"before": "Acme", "after": winner}
    assert again(services, account).name == winner


def test_of_two_who_undo_the_same_change_one_is_told(services, account):
    ids = changes.change(services, account.id, {"name": "Renamed"}, actor="user:7")
    changes.undo(services, account.id, ids, actor="user:7")
    with pytest.raises(changes.ChangedMeanwhile):
        changes.undo(services, account.id, ids, actor="user:8")
    assert len(lines(services)) == 2


def test_an_undo_can_be_undone(services, account):
    ids = changes.change(services, account.id, {"name": "Renamed"}, actor="user:7")
    changes.undo(services, account.id, ids, actor="user:7")
    changes.undo(services, account.id, [lines(services)[-1].id], actor="user:7")
    assert again(services, account).name == "Renamed"


def test_an_undo_that_would_contradict_what_was_set_since_is_refused(services, account):
    ids = changes.change(services, account.id, {"send_until_hour": 23}, actor="user:7")
    changes.change(services, account.id, {"send_from_hour": 21}, actor="user:7")
    with pytest.raises(changes.SettingsRefused):
        changes.undo(services, account.id, ids, actor="user:7")
    assert again(services, account).send_until_hour == 23


def test_a_change_whose_words_were_erased_cannot_be_undone(services, account):
    ids = changes.change(services, account.id, {"name": "Renamed"}, actor="user:7")
    with services.db.begin() as session:
        session.get_one(AuditLogEntry, ids[0]).details = None
    with pytest.raises(changes.ChangedMeanwhile):
        changes.undo(services, account.id, ids, actor="user:7")


def test_a_line_that_was_erased_hides_no_older_ones(services, account):
    ids = [
        changes.change(services, account.id, {"name": f"Name {n}"}, actor="user:7")[0]
        for n in range(changes.SHOWN + 1)
    ]
    with services.db.begin() as session:
        session.get_one(AuditLogEntry, ids[-1]).details = None
    with services.db.read() as session:
        newest, older = changes.history(session, again(services, account))
        oldest, end = changes.history(session, again(services, account), older)
    assert (len(newest), older) == (changes.SHOWN - 1, ids[1])
    assert ([one.entry.id for one in oldest], end) == ([ids[0]], 0)
