"""What most tests stand on: real databases, a real Redis, services with a clock of their own."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cheap_apps
import memory_disk
import pytest
from cryptography.fernet import Fernet
from redis import Redis
from sqlalchemy import Engine, text
from stripe import HTTPClient
from webhook_cast import HOOK_SECRET, PLATFORM_SECRET

from bench.servers import postgres_server, redis_server
from recover import services as composition
from recover.dunning import DEFAULT, RetryMode
from recover.foundation import config
from recover.foundation.config import Settings
from recover.foundation.database import Base, make_engine
from recover.models import Account, Company, User
from recover.services import Services
from sandbox.api import create_stripe
from sandbox.clock import Clock
from sandbox.consent import CLIENT_ID
from sandbox.mailbox import Mailbox
from sandbox.sandbox import Sandbox
from sandbox.server import serve

pytest_plugins = ("database_choice",)

START = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
NOWHERE = "127.0.0.1:9"  # the discard port: nothing listens, so a stray request fails at once
ENCRYPTION_KEY = Fernet.generate_key().decode()

cheap_apps.use()
memory_disk.use()
HTTPClient.INITIAL_DELAY = HTTPClient.MAX_DELAY = 0.0  # real seconds before it asks again


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--chaos-cases",
        type=int,
        default=100,
        metavar="N",
        help="how many cases the chaos journey plays; 300 in CI",
    )
    parser.addoption(
        "--walker-steps",
        type=int,
        default=42,
        metavar="N",
        help="how many random acts the walker takes on each database",
    )
    parser.addoption(
        "--walker-all-acts",
        action="store_true",
        help="let it also take acts whose faults are known: see tests/support/walker_known.py",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test first, so that it does not run on when all others are done."""
    items.sort(key=lambda item: item.get_closest_marker("chaos") is None)


class FrozenClock(Clock):
    """Time that moves only when a test says so; the sandbox's, where a test has one."""

    def advance(self, **span: float) -> datetime:
        """Move on by a timedelta's keywords: clock.advance(days=3)."""
        self.advance_to(self.now() + timedelta(**span))
        return self.now()


@dataclasses.dataclass(frozen=True)
class World:
    """One installation and the world around it. Time moves by ``sandbox.advance``."""

    services: Services
    sandbox: Sandbox
    mailbox: Mailbox
    account: Account
    clock: FrozenClock


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(START)


@pytest.fixture
def sandbox(clock: FrozenClock) -> Iterator[Sandbox]:
    """A pretend Stripe with one empty company; see sandbox/seed.py for what to put in it."""
    with contextlib.closing(Sandbox("calm", clock=clock)) as pretend:
        yield pretend


@pytest.fixture
def stripe_url(sandbox: Sandbox) -> Iterator[str]:
    """The sandbox's address; a test that has it in its fixtures talks to the sandbox."""
    running = serve(create_stripe(sandbox))
    sandbox.state.base_url = running.url
    yield running.url
    running.stop()


@pytest.fixture
def mailbox(clock: FrozenClock) -> Iterator[Mailbox]:
    with Mailbox(now=clock.now) as box:
        yield box


@pytest.fixture
def world(
    services: Services,
    sandbox: Sandbox,
    stripe_url: str,
    mailbox: Mailbox,
    account: Account,
    clock: FrozenClock,
) -> World:
    return World(services, sandbox, mailbox, account, clock)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every table and no row, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server for the session (each xdist worker has its own), with every table."""
    try:
        server = postgres_server()
        url = server.__enter__()
    except ImportError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL here: {error}")
    try:
        _make_it_fast(url)
        _make_tables(url)
        yield url
    finally:
        server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgres_engine(postgres_url: str) -> Iterator[Engine]:
    """For work on the server between tests; one connection serves them all."""
    engine = make_engine(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database with every table; `database_choice` says which of the two."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        return f"sqlite:///{shutil.copy(template, tmp_path / 'recover.db')}"
    _empty_tables(request.getfixturevalue("postgres_engine"))
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def redis_session_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture
def redis_url(redis_session_url: str) -> str:
    """An empty Redis."""
    with Redis.from_url(redis_session_url) as client:
        client.flushall()
    return redis_session_url


@pytest.fixture
def environ(request: pytest.FixtureRequest, database_url: str, redis_url: str) -> dict[str, str]:
    """The settings' environment; names the sandbox and the mailbox where the test asks for them."""
    found = {
        "SECRET_KEYS": "a-secret-key-for-tests-0123456789",
        "ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "BASE_URL": "http://recover.test",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SMTP_URL": f"smtp://{NOWHERE}",
        "MAIL_FROM": "billing@recover.test",
        "STRIPE_API_BASE": f"http://{NOWHERE}",
        "STRIPE_CONNECT_BASE": f"http://{NOWHERE}",
        "STRIPE_CLIENT_ID": CLIENT_ID,
        "STRIPE_SECRET_KEY": "sk_test_platform",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_platform",
        "STRIPE_WEBHOOK_SECRETS": PLATFORM_SECRET,
    }
    if "mailbox" in request.fixturenames:
        found["SMTP_URL"] = request.getfixturevalue("mailbox").url
    if "stripe_url" in request.fixturenames:
        found["STRIPE_API_BASE"] = request.getfixturevalue("stripe_url")
        found["STRIPE_CONNECT_BASE"] = found["STRIPE_API_BASE"]
        found["STRIPE_SECRET_KEY"] = request.getfixturevalue("sandbox").platform_key
    return found


@pytest.fixture
def settings(environ: dict[str, str], tmp_path: Path) -> Settings:
    return config.load(environ, tmp_path / "no.env")


@pytest.fixture
def services(settings: Settings, clock: FrozenClock) -> Iterator[Services]:
    built = composition.build(settings)
    yield dataclasses.replace(built, now=clock.now)
    built.enqueue.redis.close()
    built.db.engine.dispose()


@pytest.fixture
def company(services: Services) -> Company:
    with services.db.begin() as session:
        row = Company(name="Acme Software", created_at=services.now())
        session.add(row)
    return row


@pytest.fixture
def user(services: Services, company: Company) -> User:
    with services.db.begin() as session:
        row = User(company_id=company.id, email="ada@acme.test", created_at=services.now())
        session.add(row)
    return row


@pytest.fixture
def account(request: pytest.FixtureRequest, services: Services, company: Company) -> Account:
    """Connected with its own key, in test mode; Recover retries. The sandbox's, if there is one."""
    stripe_id, key = "acct_acme", "sk_test_acme"
    if "stripe_url" in request.fixturenames:
        sandbox: Sandbox = request.getfixturevalue("sandbox")
        stripe_id, key = sandbox.account_id, sandbox.account_key
    with services.db.begin() as session:
        row = Account(
            company_id=company.id,
            stripe_account_id=stripe_id,
            livemode=False,
            connection="key",
            secret_key_sealed=services.vault.seal(key),
            webhook_secrets_sealed=services.vault.seal(HOOK_SECRET),
            publishable_key="pk_test_acme",
            hook_token="hook-of-acme",
            mode=RetryMode.RECOVER,
            campaign_key=DEFAULT.key,
            campaign_version=DEFAULT.version,
            timing="fixed",  # days a test can name; the engine has tests of its own
            name="Acme",
            timezone="UTC",
            support_email="help@acme.test",
            connected_at=services.now(),
        )
        session.add(row)
    return row


def _make_tables(url: str) -> None:
    engine = make_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()


def _empty_tables(engine: Engine) -> None:
    """DELETE, which is quicker than TRUNCATE for the few rows of a test; all in one statement."""
    deletes = " ".join(f"{table.delete()};" for table in reversed(Base.metadata.sorted_tables))
    with engine.begin() as connection:
        connection.execute(text(f"DO $$ BEGIN {deletes} END $$"))


def _make_it_fast(url: str) -> None:
    """A test's rows need not outlive a power cut."""
    engine = make_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("ALTER SYSTEM SET synchronous_commit = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
