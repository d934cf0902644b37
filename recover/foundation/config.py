"""The settings: the only reader of the environment.

Every setting is a `Setting` below, with what it is for; the table in docs/settings.md is tested
against this list. `load` names every fault at once, so that one restart is enough to correct them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from recover.foundation.config_values import (
    address,
    count,
    fernet_keys,
    level,
    prefix,
    secrets,
    text,
    url,
    whsecs,
)
from recover.foundation.errors import ConfigError

WHERE = "Recover cannot start. Mend these in the environment or .env (begin with .env.example):"
STRIPE = "https://api.stripe.com"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. Secrets are kept out of `repr`."""

    secret_keys: tuple[str, ...]
    encryption_keys: tuple[str, ...]
    base_url: str
    database_url: str
    redis_url: str
    smtp_url: str
    mail_from: str
    stripe_api_base: str
    stripe_js_url: str
    stripe_secret_key: str
    stripe_publishable_key: str
    stripe_webhook_secrets: tuple[str, ...]
    stripe_client_id: str
    stripe_connect_base: str
    clock_file: str
    log_level: str
    max_webhook_bytes: int
    trusted_proxies: int
    session_days: int
    session_idle_days: int
    api_calls_per_minute: int

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r})"

    @property
    def mail_domain(self) -> str:
        """What our Message-IDs end in."""
        return self.mail_from.rpartition("@")[2]

    @property
    def rehearsing(self) -> bool:
        """Whether Stripe is a pretend one; then addresses on this machine are allowed."""
        return self.stripe_api_base != STRIPE

    @property
    def secure_cookies(self) -> bool:
        return self.base_url.startswith("https://")


@dataclass(frozen=True, slots=True)
class Setting:
    name: str
    parse: Callable[[str], Any]
    default: str | None  # None: required
    help: str

    @property
    def field(self) -> str:
        return self.name.lower()


SETTINGS = (
    Setting(
        "SECRET_KEYS",
        secrets,
        None,
        "signs links and sessions; newest first, old ones after a comma",
    ),
    Setting("ENCRYPTION_KEYS", fernet_keys, None, "encrypts stored Stripe keys; newest first"),
    Setting(
        "BASE_URL", url("https", "http"), None, "where people and Stripe reach this installation"
    ),
    Setting(
        "DATABASE_URL",
        url("postgresql", "sqlite", "postgres"),
        "sqlite:///recover.db",
        "PostgreSQL for real use; SQLite for one machine",
    ),
    Setting(
        "REDIS_URL",
        url("redis", "rediss", "unix"),
        "redis://127.0.0.1:6379/0",
        "Redis or Valkey for RQ; may be lost at any moment",
    ),
    Setting(
        "SMTP_URL",
        url("smtp", "smtp+starttls", "smtps"),
        None,
        "smtp://, smtp+starttls:// or smtps://, with user:password@ where needed",
    ),
    Setting(
        "MAIL_FROM",
        address,
        None,
        "sender of sign-in mails, and of mails of accounts without a sender of their own",
    ),
    Setting(
        "STRIPE_SECRET_KEY",
        prefix("sk_", "rk_"),
        "",
        "the platform's key, for accounts connected by OAuth",
    ),
    Setting(
        "STRIPE_PUBLISHABLE_KEY",
        prefix("pk_"),
        "",
        "the platform's publishable key, for the card page",
    ),
    Setting(
        "STRIPE_WEBHOOK_SECRETS",
        whsecs,
        "",
        "signing secrets of the platform's webhook endpoint; several while rotating",
    ),
    Setting(
        "STRIPE_CLIENT_ID",
        prefix("ca_"),
        "",
        "the platform's Connect client id, so that accounts can be connected with one click",
    ),
    Setting(
        "STRIPE_CONNECT_BASE",
        url("https", "http"),
        "https://connect.stripe.com",
        "where Stripe asks for consent; another address only for rehearsals",
    ),
    Setting(
        "STRIPE_API_BASE",
        url("https", "http"),
        STRIPE,
        "another address only for rehearsals against a pretend Stripe",
    ),
    Setting(
        "STRIPE_JS_URL",
        url("https", "http"),
        "https://js.stripe.com/dahlia/stripe.js",
        "Stripe.js, loaded only on the card page",
    ),
    Setting(
        "CLOCK_FILE",
        text,
        "",
        "for rehearsals: a file that holds the time to use instead of the clock's",
    ),
    Setting("LOG_LEVEL", level, "INFO", "DEBUG, INFO, WARNING or ERROR"),
    Setting(
        "MAX_WEBHOOK_BYTES",
        count(10_000, 10_000_000),
        "1000000",
        "larger webhook bodies are refused with 413",
    ),
    Setting(
        "TRUSTED_PROXIES",
        count(0, 9),
        "0",
        "how many reverse proxies stand in front; their X-Forwarded-For and -Proto are believed",
    ),
    Setting("SESSION_DAYS", count(1, 365), "30", "a sign-in ends after so many days, used or not"),
    Setting("SESSION_IDLE_DAYS", count(1, 365), "14", "a sign-in not used for so many days ends"),
    Setting(
        "API_CALLS_PER_MINUTE",
        count(1, 1_000_000),
        "600",
        "how often one API token may call in a minute; more is answered with 429",
    ),
)


def load(environ: Mapping[str, str] | None = None, env_file: Path | None = None) -> Settings:
    """Read the settings from ``environ`` (default: the process's), over those of a .env file.

    Raises ConfigError that names every missing or wrong setting.
    """
    source = {k: v or "" for k, v in dotenv_values(env_file or Path(".env")).items()}
    source |= os.environ if environ is None else environ
    values: dict[str, Any] = {}
    faults: list[str] = []
    for setting in SETTINGS:
        raw = source.get(setting.name) or setting.default
        if raw is None:
            faults.append(f"{setting.name} is missing: {setting.help}")
            continue
        try:
            values[setting.field] = setting.parse(raw)
        except ValueError as error:
            faults.append(f"{setting.name} {error}")
    if not faults:
        faults = _contradictions(values)
    if faults:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise ConfigError(f"{WHERE}\n{listed}")
    return Settings(**values)


def _contradictions(values: dict[str, Any]) -> list[str]:
    """Settings that are each well formed but do not fit together."""
    faults = []
    key, public = values["stripe_secret_key"], values["stripe_publishable_key"]
    if key and not public:
        faults.append("STRIPE_PUBLISHABLE_KEY is missing: STRIPE_SECRET_KEY is set")
    if values["stripe_client_id"] and not key:
        faults.append("STRIPE_SECRET_KEY is missing: STRIPE_CLIENT_ID is set")
    if key and public and ("_live_" in key) != ("_live_" in public):
        faults.append("STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY mix live and test mode")
    if "_live_" in key and not values["base_url"].startswith("https://"):
        faults.append(
            "BASE_URL must be https:// with a live key: the card page carries links to pay"
        )
    if "_live_" in key and values["clock_file"]:
        faults.append("CLOCK_FILE is for rehearsals and cannot be used with a live key")
    return faults
