"""An installation with one connected company, on databases of the benchmark's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from cryptography.fernet import Fernet

from recover.dunning import DEFAULT, RetryMode
from recover.foundation.database import Base, Database
from recover.models import Account, Company, Connection

ACCOUNT_ID = "acct_bench"
WEBHOOK_SECRET = "whsec_benchmark_0123456789"


def environ(
    database_url: str, redis_url: str, stripe_url: str = "http://127.0.0.1:9"
) -> dict[str, str]:
    """The settings of the installation."""
    return {
        "SECRET_KEYS": "a-secret-key-for-benchmarks-0123456789",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "BASE_URL": "http://localhost",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SMTP_URL": "smtp://127.0.0.1:9",
        "MAIL_FROM": "bench@localhost.test",
        "STRIPE_API_BASE": stripe_url,
        "STRIPE_SECRET_KEY": "sk_test_platform",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_platform",
        "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "LOG_LEVEL": "WARNING",
    }


@contextmanager
def tables(database_url: str, account_id: str = ACCOUNT_ID) -> Iterator[Database]:
    """Every table, and a company whose account is connected through the platform."""
    db = Database.connect(database_url)
    Base.metadata.create_all(db.engine)
    now = datetime.now(UTC)
    with db.begin() as session:
        company = Company(name="Bench", created_at=now)
        session.add(company)
        session.flush()
        session.add(
            Account(
                company_id=company.id,
                stripe_account_id=account_id,
                livemode=False,
                connection=Connection.PLATFORM,
                hook_token="bench",
                mode=RetryMode.OBSERVE,
                campaign_key=DEFAULT.key,
                campaign_version=DEFAULT.version,
                connected_at=now,
            )
        )
    try:
        yield db
    finally:
        db.engine.dispose()
