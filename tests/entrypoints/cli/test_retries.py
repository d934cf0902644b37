"""`recover retries` and `recover account set`, run as a person would, on a real database."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from learning_cast import add_cases, again, always, rows
from sqlalchemy import update

from recover.dunning import DEFAULT
from recover.entrypoints.cli import main, retries
from recover.foundation import config
from recover.foundation.errors import PermanentError
from recover.learning import timing_in_force, training
from recover.models import Account, RecoveryCase, RetryModel


@pytest.fixture
def run(environ, services, account, tmp_path, monkeypatch):
    """Run `recover` at the services' time, in a terminal wide enough for every table."""
    for key in config.SETTINGS:
        monkeypatch.delenv(key.name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retries.console, "_width", 300)
    timing_in_force._engines.clear()
    clock = tmp_path / "clock"
    clock.write_text(services.now().isoformat())
    known = environ | {"CLOCK_FILE": str(clock)}

    def run(*arguments):
        return CliRunner().invoke(main.cli, arguments, env=known)

    return run


@pytest.fixture
def said(run):
    """The same, where it must go well: what it prints."""

    def said(*arguments):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        return result.output

    return said


@pytest.fixture
def refused(run):
    """The same, where it must not: the sentence that `recover` then ends with."""

    def refused(*arguments):
        result = run(*arguments)
        assert result.exit_code == 1
        assert isinstance(result.exception, PermanentError)
        return str(result.exception)

    return refused


@pytest.fixture
def engine(services, account):
    with services.db.begin() as session:
        session.get_one(Account, account.id).timing = "engine"


def night(services, account, count, *world):
    add_cases(services, account, count, *world)
    return training.learn(services, again(services, account))


def another(services, account):
    with services.db.begin() as session:
        row = Account(
            connection="key",
            company_id=account.company_id,
            stripe_account_id="acct_2",
            livemode=False,
            hook_token="other",
            mode="recover",
            campaign_key=DEFAULT.key,
            campaign_version=DEFAULT.version,
            name="Other",
            connected_at=services.now(),
        )
        session.add(row)
    return row


# Who times, and within which limits


def test_limits_are_set_and_what_is_in_force_is_said(said, services, account):
    [case_id] = add_cases(services, account, 1, state="open")
    name = str(account.id)
    told = said(
        "account",
        "set",
        name,
        "--timing",
        "engine",
        "--max-retries",
        "4",
        "--min-gap",
        "36",
        "--explore",
        "0.02",
    )
    assert "Acme: The retry engine times the retries, on the shipped prior" in told
    assert "at most 4.\n" in told
    assert "at least 36 hours.\n" in told
    assert "2.0% of the retries" in told
    row = again(services, account)
    assert (row.timing, row.max_retries, row.min_gap_hours, row.explore) == ("engine", 4, 36, 0.02)
    with services.db.read() as session:
        assert session.get_one(RecoveryCase, case_id).next_step_at == services.now()


def test_default_goes_back_to_the_campaign_and_leaves_the_rest(said, services, account):
    name = str(account.id)
    said("account", "set", name, "--max-retries", "4", "--min-gap", "36")
    told = said("account", "set", name, "--max-retries", "default")
    assert f"at most {DEFAULT.max_retries}, as the campaign says." in told
    assert "at least 36 hours.\n" in told
    row = again(services, account)
    assert (row.max_retries, row.min_gap_hours) == (None, 36)


def test_without_an_option_nothing_changes_and_all_is_said(said, services, account):
    told = said("account", "set", str(account.id))
    assert "Acme: The fixed days time the retries: 1, 3, 7, 13 and 20 days" in told
    assert "random hour" not in told
    assert again(services, account).timing == "fixed"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--max-retries", "99", "max_retries must be from 0 to 15, not 99"),
        ("--min-gap", "0", "min_gap_hours must be from 1 to 168, not 0"),
        ("--explore", "0.5", "explore must be from 0.0 to 0.3, not 0.5"),
        ("--explore", "nan", "explore must be from 0.0 to 0.3, not nan"),
    ],
)
def test_what_is_out_of_bounds_is_refused_and_nothing_changes(
    refused, services, account, option, value, words
):
    assert words in refused("account", "set", str(account.id), "--timing", "engine", option, value)
    row = again(services, account)
    assert (row.timing, row.max_retries, row.min_gap_hours, row.explore) == (
        "fixed",
        None,
        None,
        0.05,
    )


@pytest.mark.parametrize(
    ("option", "value"), [("--timing", "magic"), ("--max-retries", "few"), ("--explore", "much")]
)
def test_what_is_no_value_is_a_mistake_of_use(run, account, option, value):
    result = run("account", "set", str(account.id), option, value)
    assert result.exit_code == 2
    assert option in result.output


def test_an_unknown_account_is_refused_without_a_traceback(environ, account, monkeypatch, capsys):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["recover", "account", "set", "4711", "--timing", "engine"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    told = capsys.readouterr().out
    assert ended.value.code == 1
    assert "No account 4711 is connected" in told
    assert "Traceback" not in told


# Versions


def test_without_a_version_the_list_says_so(said, engine):
    told = said("retries", "versions")
    assert "it has learned from none of your attempts yet" in told
    assert "No version yet" in told


def test_versions_are_listed_newest_first_with_what_came_of_each(said, services, account, engine):
    sound = night(services, account, 150)
    bad = night(services, account, 1200, always)
    told = said("retries", "versions")
    assert f"on version {sound.version[:8]}, learned from {sound.figures['used']} attempts" in told
    assert told.index("refused") < told.index("in use")
    assert bad.reason in told
    assert sound.reason in told
    assert sound.reason not in said("retries", "versions", "--limit", "1")


def test_learning_now_says_what_came_of_it(said, services, account, engine):
    assert "There is nothing to learn from yet" in said("retries", "learn")
    add_cases(services, account, 150)
    told = said("retries", "learn")
    [row] = rows(services, account)
    assert f"Version {row.version[:8]} ({row.id}). {row.reason}" in told
    assert "It is used from now on." in told
    assert again(services, account).model_id == row.id
    assert "Nothing changed" in said("retries", "learn")
    said("retries", "use", "shipped")
    add_cases(services, account, 60)
    assert "It is not used, for somebody chose another" in said("retries", "learn")
    add_cases(services, account, 1200, always)
    assert "Refused: These outcomes would move" in said("retries", "learn")


def test_a_version_is_used_by_its_id_or_the_beginning_of_its_name(said, services, account, engine):
    first, then = night(services, account, 150), night(services, account, 150)
    for name in (str(first.id), first.version, first.version[:6].upper()):
        said("retries", "use", str(then.id))
        told = said("retries", "use", name)
        assert "Open cases are planned anew." in told
        assert f"on version {first.version[:8]}" in told
        assert "Somebody chose it" in told
        account_now = again(services, account)
        assert (account_now.model_id, account_now.model_pinned) == (first.id, True)
    told = said("retries", "follow")
    assert f"on version {then.version[:8]}" in told
    assert "Somebody chose it" not in told
    assert again(services, account).model_id == then.id


def test_the_shipped_prior_has_a_name_too(said, services, account, engine):
    row = night(services, account, 150)
    differences = training.compare(None, row)
    assert differences
    assert said("retries", "compare", "shipped", row.version[:8]).splitlines() == differences
    back = said("retries", "compare", row.version[:8], "shipped").splitlines()
    assert back == training.compare(row, None) != differences
    assert "Both believe the same" in said("retries", "compare", "shipped", "shipped")
    assert "times the retries, on the shipped prior." in said("retries", "use", "shipped")
    assert again(services, account).model_id is None


def test_names_that_fit_none_or_several_are_refused(refused, services, account, engine):
    row = night(services, account, 60)
    bad = night(services, account, 900, always)
    with services.db.begin() as session:
        for version in ("abcd1", "abcd2"):
            session.add(
                RetryModel(
                    account_id=account.id,
                    version=version,
                    body=row.body,
                    accepted=True,
                    made_at=services.now(),
                )
            )
    assert 'has no version "zzz"' in refused("retries", "use", "zzz")
    assert 'has no version "%"' in refused("retries", "use", "%")
    assert 'has no version ""' in refused("retries", "use", "")
    assert "Several versions begin with" in refused("retries", "use", "abcd")
    assert "has no version" in refused("retries", "use", str(bad.id))
    assert "was refused" in refused("retries", "compare", "shipped", str(bad.id))
    assert again(services, account).model_id == row.id


def test_of_several_accounts_one_is_named_and_only_its_own_versions_count(
    said, refused, services, account, engine
):
    row, other = night(services, account, 150), another(services, account)
    assert "Name one account with --account" in refused("retries", "versions")
    assert row.version[:8] in said("retries", "versions", "--account", str(account.id))
    mine = ("--account", str(other.id))
    assert "No version yet" in said("retries", "versions", *mine)
    for name in (str(row.id), row.version):
        assert "has no version" in refused("retries", "use", name, *mine)
    assert "others here" in said("retries", "learn", *mine)
    assert again(services, other).model_id == rows(services, other)[0].id


def test_a_damaged_version_is_told_of(said, refused, services, account, engine):
    row = night(services, account, 60)
    with services.db.begin() as session:
        session.execute(update(RetryModel).values(body=""))
    timing_in_force._engines.clear()
    assert "No saved model was found" in said("retries", "versions")
    assert "cannot be compared" in refused("retries", "compare", "shipped", str(row.id))
