"""The command line, run as a person would, against a real database and a pretend Stripe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select, update

from recover import services as composition
from recover.entrypoints.cli import accounts as account_commands
from recover.entrypoints.cli import main
from recover.foundation import config
from recover.foundation.database import Database
from recover.models import Account, Company, RecoveryCase, StripeEvent, User
from recover.services import Services
from sandbox.api import create_stripe
from sandbox.sandbox import Sandbox
from sandbox.server import RunningServer, serve


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox("calm", company="Fernhill Software", timezone="Europe/Madrid")
    yield made
    made.close()


@pytest.fixture
def stripe(sandbox: Sandbox) -> Iterator[RunningServer]:
    running = serve(create_stripe(sandbox))
    sandbox.state.base_url = running.url
    yield running
    running.stop()


@pytest.fixture
def stripe_url(stripe: RunningServer) -> str:
    return stripe.url


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without an .env, and a terminal wide enough for every table."""
    monkeypatch.chdir(tmp_path)
    for console in (main.console, account_commands.console):
        monkeypatch.setattr(console, "_width", 200)
    return tmp_path


@pytest.fixture
def database(environ: dict[str, str]) -> Iterator[Database]:
    made = Database.connect(environ["DATABASE_URL"])
    yield made
    made.engine.dispose()


@pytest.fixture
def recover(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, stripe_url: str
):
    """Run `recover` with these arguments: what it prints, and how it ends."""
    for key in config.SETTINGS:
        monkeypatch.delenv(key.name, raising=False)
    built: list[Services] = []

    def build(settings: config.Settings) -> Services:
        built.append(composition.build(settings))
        return built[-1]

    for module in (main, account_commands):
        monkeypatch.setattr(module, "build", build)

    def run(*arguments: str, typed: str = "", **changed: str) -> Result:
        return CliRunner().invoke(
            main.cli, arguments, input=typed, env=environ | changed, standalone_mode=True
        )

    yield run
    for services in built:
        services.close()


def rows(database: Database, table: type) -> list:
    with database.read() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def connect(recover, sandbox: Sandbox, *options: str) -> Result:
    key = ["--key", sandbox.account_key, "--allow-more"]
    return recover("account", "connect", "Fernhill", *key, *options)


# Settings and the database


def test_check_names_every_fault_and_ends_with_an_error(monkeypatch, capsys, environ):
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    monkeypatch.setenv("SECRET_KEYS", "short")
    monkeypatch.setattr("sys.argv", ["recover", "check"])

    with pytest.raises(SystemExit) as ended:
        main.main()

    said = capsys.readouterr().out
    assert ended.value.code == 1
    for name in ("SECRET_KEYS", "ENCRYPTION_KEYS", "BASE_URL", "SMTP_URL", "MAIL_FROM"):
        assert name in said
    assert "Traceback" not in said


def test_check_says_where_recover_will_be(recover):
    result = recover("check")

    assert result.exit_code == 0
    assert "http://recover.test" in result.output


def test_keys_new_prints_settings_that_pass_and_differ_each_time(recover):
    first, second = recover("keys", "new").output, recover("keys", "new").output

    assert first != second
    fresh = dict(line.split("=", 1) for line in first.splitlines())
    assert recover("check", **fresh).exit_code == 0


def test_migrate_makes_the_tables_and_can_be_repeated(recover, tmp_path):
    url = f"sqlite:///{tmp_path / 'new.db'}"

    for _ in range(2):
        result = recover("migrate", DATABASE_URL=url)
        assert result.exit_code == 0, result.output

    assert "No account is connected" in recover("account", "list", DATABASE_URL=url).output


# Accounts


def test_an_account_connects_with_its_key_and_gets_a_webhook_endpoint(recover, sandbox, database):
    result = connect(recover, sandbox, "--publishable-key", sandbox.account_publishable_key)

    assert result.exit_code == 0, result.output
    assert "in observe mode" in result.output
    [account] = rows(database, Account)
    assert (account.stripe_account_id, account.mode) == (sandbox.account_id, "observe")
    assert (account.timezone, account.livemode) == ("Europe/Madrid", False)
    [endpoint] = sandbox.store.all("webhook_endpoint")
    assert endpoint["url"].endswith(f"/webhooks/stripe/{account.hook_token}")
    assert "invoice.payment_failed" in endpoint["enabled_events"]
    assert sandbox.account_key not in account.secret_key_sealed
    assert sandbox.account_key not in result.output


def test_a_key_that_is_asked_for_is_not_shown(recover, sandbox, database):
    result = recover("account", "connect", "Fernhill", typed=f"{sandbox.restricted_key}\n")

    assert result.exit_code == 0, result.output
    assert sandbox.restricted_key not in result.output
    assert len(rows(database, Account)) == 1


def test_connecting_again_renews_the_key_and_makes_no_second_endpoint(recover, sandbox, database):
    connect(recover, sandbox, "--mode", "recover")

    result = recover("account", "connect", "Fernhill", "--key", sandbox.restricted_key)

    assert result.exit_code == 0, result.output
    [account] = rows(database, Account)
    assert account.mode == "recover"
    assert "in recover mode" in result.output
    assert len(sandbox.store.all("webhook_endpoint")) == 1
    assert len(rows(database, Company)) == 1


def test_a_wrong_key_is_said_clearly_and_nothing_is_stored(
    recover, environ, database, monkeypatch, capsys
):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    arguments = ["recover", "account", "connect", "Fernhill", "--key", "sk_test_wrong_0123456789"]
    monkeypatch.setattr("sys.argv", arguments)

    with pytest.raises(SystemExit) as ended:
        main.main()

    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "401" in said
    assert "Invalid API Key" in said
    assert "sk_test_wrong_0123456789" not in said
    assert "Traceback" not in said
    assert rows(database, Account) == rows(database, Company) == []


def test_an_account_without_permission_for_an_endpoint_is_told_so(
    recover, environ, sandbox, database, monkeypatch, capsys
):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    sandbox.restrict_key(sandbox.restricted_key, {"account": "read", "invoices": "write"})
    key = ["--key", sandbox.restricted_key]
    monkeypatch.setattr("sys.argv", ["recover", "account", "connect", "Fernhill", *key])

    with pytest.raises(SystemExit):
        main.main()

    said = capsys.readouterr().out
    assert "Webhook Endpoints and Event Destinations: Write" in said
    assert "Invoices: Write" not in said


def test_a_key_that_may_do_too_much_needs_a_yes(recover, sandbox, database):
    options = ("account", "connect", "Fernhill", "--key", sandbox.account_key)

    no = recover(*options, typed="n\n")
    assert no.exit_code == 1
    assert "full secret key" in no.output
    assert rows(database, Account) == []

    assert recover(*options, typed="y\n").exit_code == 0
    assert rows(database, Account)[0].test_mail == "team"


def test_a_second_account_joins_a_company_by_name(recover, sandbox, database):
    connect(recover, sandbox)
    other = sandbox.new_key(sandbox.add_company("Fernhill Two"), "sk")
    key = ("--key", other, "--allow-more")

    unknown = recover("account", "connect", "Fernhill Two", "--company", "Nobody", *key)
    joined = recover("account", "connect", "Fernhill Two", "--company", "Fernhill", *key)

    assert "no company Nobody" in unknown.output
    assert joined.exit_code == 0, joined.output
    first, second = rows(database, Account)
    assert first.company_id == second.company_id
    assert len(rows(database, Company)) == 1


def test_an_endpoint_that_could_not_be_made_is_made_later(recover, sandbox, database):
    connect(recover, sandbox, "--webhook-secret", "whsec_by_hand")
    assert sandbox.store.all("webhook_endpoint") == []

    result = recover("account", "listen", str(rows(database, Account)[0].id))

    assert result.exit_code == 0, result.output
    assert len(sandbox.store.all("webhook_endpoint")) == 1


def test_an_account_is_disconnected_after_a_yes(recover, sandbox, database):
    connect(recover, sandbox)
    account_id = str(rows(database, Account)[0].id)

    assert recover("account", "disconnect", account_id, typed="n\n").exit_code == 1
    assert rows(database, Account)[0].disconnected_at is None

    result = recover("account", "disconnect", account_id, "--yes")
    assert "Nothing more is charged or sent" in result.output
    assert rows(database, Account)[0].secret_key_sealed == ""
    assert sandbox.store.all("webhook_endpoint") == []


def test_an_account_connects_through_the_platform(recover, sandbox, database):
    result = recover(
        "account",
        "connect",
        "Fernhill",
        "--stripe-account",
        sandbox.account_id,
        STRIPE_SECRET_KEY=sandbox.platform_key,
        STRIPE_PUBLISHABLE_KEY=sandbox.publishable_key,
    )

    assert result.exit_code == 0, result.output
    [account] = rows(database, Account)
    assert account.connection == "platform"
    assert account.secret_key_sealed == ""
    assert sandbox.store.all("webhook_endpoint") == []


def test_the_list_shows_every_account_its_mode_and_its_trouble(recover, sandbox, database):
    connect(recover, sandbox)
    with database.begin() as session:
        session.execute(update(Account).values(problem="Stripe answered 401"))

    result = recover("account", "list")

    for text in (sandbox.account_id, "Fernhill", "observe", "False", "Stripe answered 401"):
        assert text in result.output


def test_the_mode_of_an_account_is_changed(recover, sandbox, database):
    connect(recover, sandbox)
    [account] = rows(database, Account)

    result = recover("account", "mode", str(account.id), "recover")

    assert result.exit_code == 0, result.output
    assert rows(database, Account)[0].mode == "recover"


def test_a_mode_or_account_that_does_not_exist_is_refused(recover, sandbox, database):
    connect(recover, sandbox)
    [account] = rows(database, Account)

    assert recover("account", "mode", str(account.id), "aggressive").exit_code == 2
    unknown = recover("account", "mode", "4711", "recover")

    assert unknown.exit_code == 1
    assert "no account 4711" in unknown.output
    assert rows(database, Account)[0].mode == "observe"


# People


def test_a_person_is_let_in(recover, sandbox, database):
    connect(recover, sandbox)

    result = recover("user", "add", "Ada@Fernhill.test")

    assert result.exit_code == 0, result.output
    assert "/sign-in" in result.output
    assert [user.email for user in rows(database, User)] == ["ada@fernhill.test"]


def test_a_person_cannot_be_added_before_there_is_a_company(recover, database):
    result = recover("user", "add", "ada@fernhill.test")

    assert result.exit_code == 1
    assert "There are: none" in result.output
    assert rows(database, User) == []


def test_of_two_companies_one_has_to_be_named(recover, database):
    with database.begin() as session:
        for name in ("Acme", "Fernhill"):
            session.add(Company(name=name, created_at=composition.system_now()))

    unnamed = recover("user", "add", "ada@fernhill.test")
    named = recover("user", "add", "ada@fernhill.test", "--company", "Fernhill")

    assert unnamed.exit_code == 1
    assert "Acme, Fernhill" in unnamed.output
    assert named.exit_code == 0, named.output


def test_an_address_that_is_none_is_refused(recover, sandbox, database):
    connect(recover, sandbox)

    result = recover("user", "add", "not an address")

    assert result.exit_code == 1
    assert "not a mail address" in result.output
    assert isinstance(result.exception, SystemExit)
    assert rows(database, User) == []


# Events


def parked(database: Database, account: Account, count: int = 2) -> None:
    now = composition.system_now()
    with database.begin() as session:
        for nth in range(count):
            session.add(
                StripeEvent(
                    account_id=account.id,
                    stripe_event_id=f"evt_{nth}",
                    type="invoice.paid",
                    object_id=f"in_{nth}",
                    stripe_customer_id="cus_1",
                    created_at=now,
                    received_at=now,
                    due_at=now,
                    status="parked",
                    failures=5,
                    error="ValueError in cases.py:1",
                )
            )


def test_parked_events_are_listed_with_their_errors_and_replayed(recover, sandbox, database):
    connect(recover, sandbox)
    assert "No event is parked" in recover("events", "parked").output
    parked(database, *rows(database, Account))

    listed = recover("events", "parked").output
    assert "evt_0" in listed
    assert "in_1" in listed
    assert "ValueError in cases.py:1" in listed
    first = rows(database, StripeEvent)[0].id
    assert "1 parked events" in recover("events", "replay", str(first)).output
    assert [event.status for event in rows(database, StripeEvent)] == ["received", "parked"]
    assert "1 parked events" in recover("events", "replay").output
    assert [event.status for event in rows(database, StripeEvent)] == ["received", "received"]


def test_a_replay_says_so_where_nothing_is_parked(recover, database):
    assert "0 parked events" in recover("events", "replay").output


# Chores


def test_a_reconciliation_takes_up_what_failed_and_reports_it(recover, sandbox, database):
    customer = sandbox.add_customer()
    invoice = sandbox.fail_renewal(sandbox.add_subscription(customer), "insufficient_funds")
    connect(recover, sandbox)

    first, second = recover("sweep"), recover("sweep")

    assert first.exit_code == 0, first.output
    assert "1 invoices seen, 1 differed" in first.output
    assert f"{invoice}: A renewal was tried and is not paid. Mended." in first.output
    assert "1 invoices seen, 0 differed" in second.output
    with database.read() as session:
        assert session.scalar(select(func.count(RecoveryCase.id))) == 1


def test_a_reconciliation_of_one_account_leaves_the_others(recover, sandbox, database):
    connect(recover, sandbox)

    assert "invoices seen" not in recover("sweep", "--account", "4711").output


def test_a_reconciliation_goes_on_to_the_next_account_where_one_refuses(recover, sandbox, database):
    connect(recover, sandbox)
    recover("account", "connect", "Other", "--allow-more", "--key", sandbox.platform_key)
    sandbox.revoke_key(sandbox.account_key)

    result = recover("sweep")

    assert result.exit_code == 1
    assert "Fernhill: Stripe answered 401" in result.output
    assert "Other: 0 invoices seen" in result.output
    assert "Traceback" not in result.output


def test_a_scan_counts_the_notices_it_wrote(recover, sandbox, database):
    connect(recover, sandbox)

    result = recover("scan")

    assert result.exit_code == 0, result.output
    assert re.search(r"Fernhill: 0 notices", result.output)


def test_every_mail_can_be_looked_at(recover, here):
    result = recover("emails", "preview", "mails")

    assert result.exit_code == 0, result.output
    index = (here / "mails" / "index.html").read_text(encoding="utf-8")
    for template in ("payment_failed", "authentication_needed", "card_expiring", "last_notice"):
        assert template in index
    assert list((here / "mails").glob("*.eml"))
