"""Settings: read once, checked together, every fault named at once, no secret shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from recover.foundation import config
from recover.foundation.config import SETTINGS
from recover.foundation.errors import ConfigError

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
LONG = "a-secret-of-more-than-32-characters"
GOOD = {
    "SECRET_KEYS": LONG,
    "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "BASE_URL": "https://recover.example.com",
    "SMTP_URL": "smtp+starttls://user:password@mail.example.com:587",
    "MAIL_FROM": "billing@example.com",
}
LIVE = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_live_1"}


@pytest.fixture
def nowhere(tmp_path):
    """An .env file that is not there."""
    return tmp_path / "no.env"


def fault(nowhere, **changed: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(GOOD | changed, nowhere)
    return str(caught.value)


def test_five_settings_are_enough(nowhere):
    settings = config.load(GOOD, nowhere)

    assert settings.base_url == "https://recover.example.com"
    assert settings.secret_keys == (LONG,)
    assert settings.stripe_api_base == "https://api.stripe.com"
    assert settings.max_webhook_bytes == 1_000_000
    assert settings.stripe_webhook_secrets == ()


def test_without_any_setting_every_required_one_is_named_at_once(nowhere):
    with pytest.raises(ConfigError) as caught:
        config.load({}, nowhere)

    for setting in SETTINGS:
        assert (f"{setting.name} is missing" in str(caught.value)) == (setting.default is None)


def test_missing_and_wrong_settings_are_named_together(nowhere):
    text = fault(
        nowhere,
        SECRET_KEYS="too-short",
        ENCRYPTION_KEYS="not-a-key",
        BASE_URL="recover.example.com",
        DATABASE_URL="mysql://elsewhere/recover",
        REDIS_URL="http://redis",
        SMTP_URL="mail.example.com",
        MAIL_FROM="nobody",
        STRIPE_SECRET_KEY="pk_test_1",
        STRIPE_PUBLISHABLE_KEY="sk_test_1",
        STRIPE_WEBHOOK_SECRETS="whsec_1,secret",
        STRIPE_API_BASE="ftp://stripe",
        STRIPE_CLIENT_ID="acct_1",
        STRIPE_CONNECT_BASE="ftp://stripe",
        LOG_LEVEL="loud",
        MAX_WEBHOOK_BYTES="1",
        TRUSTED_PROXIES="-1",
        SESSION_DAYS="0",
        SESSION_IDLE_DAYS="soon",
        API_CALLS_PER_MINUTE="0",
    )

    named = {line.split()[1] for line in text.splitlines()[1:]}
    assert named == {
        setting.name for setting in SETTINGS if setting.name not in {"STRIPE_JS_URL", "CLOCK_FILE"}
    }


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEYS", f"{LONG},short", "32 characters"),
        ("SECRET_KEYS", " , ", "at least one"),
        ("ENCRYPTION_KEYS", "ä", "recover keys new"),
        ("ENCRYPTION_KEYS", ",", "recover keys new"),
        ("BASE_URL", "https://", "names no host"),
        ("BASE_URL", "https://[", "cannot be read|can be read"),
        ("SMTP_URL", "smtp://", "names no host"),
        ("MAIL_FROM", "a@b.test, c@d.test", "one mail address"),
        ("MAIL_FROM", "a@b.test\nBcc: everybody@b.test", "one mail address"),
        ("MAX_WEBHOOK_BYTES", "many", "from 10000 to 10000000"),
        ("MAX_WEBHOOK_BYTES", "99999999", "from 10000 to 10000000"),
        ("LOG_LEVEL", "verbose", "DEBUG, INFO, WARNING or ERROR"),
    ],
)
def test_a_fault_says_what_would_be_right(nowhere, name, value, said):
    text = fault(nowhere, **{name: value})

    assert f"- {name} " in text
    assert re.search(said, text)


def test_no_fault_and_no_printed_settings_show_a_secret(nowhere):
    secret = "hunter2-hunter2"
    text = fault(
        nowhere,
        SECRET_KEYS=secret,
        ENCRYPTION_KEYS=secret,
        SMTP_URL=f"smtp://user:{secret}℀@mail",
        DATABASE_URL=f"mysql://user:{secret}@db/recover",
        STRIPE_SECRET_KEY=secret,
        STRIPE_WEBHOOK_SECRETS=secret,
    )

    assert secret not in text
    settings = config.load(GOOD | {"STRIPE_WEBHOOK_SECRETS": f"whsec_{secret}"}, nowhere)
    for value in (secret, LONG, GOOD["ENCRYPTION_KEYS"], "password"):
        assert value not in repr(settings)
        assert value not in str(settings)


def test_secrets_are_lists_so_that_they_can_be_rotated(nowhere):
    new, old = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings = config.load(
        GOOD
        | {
            "SECRET_KEYS": f"{LONG}-new, {LONG}-old",
            "ENCRYPTION_KEYS": f"{new},{old}",
            "STRIPE_WEBHOOK_SECRETS": "whsec_new, whsec_old",
        },
        nowhere,
    )

    assert settings.secret_keys == (f"{LONG}-new", f"{LONG}-old")
    assert settings.encryption_keys == (new, old)
    assert settings.stripe_webhook_secrets == ("whsec_new", "whsec_old")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"STRIPE_SECRET_KEY": "sk_test_1"}, "STRIPE_PUBLISHABLE_KEY is missing"),
        (
            {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1"},
            "mix live and test",
        ),
        (
            {"STRIPE_SECRET_KEY": "rk_test_1", "STRIPE_PUBLISHABLE_KEY": "pk_live_1"},
            "mix live and test",
        ),
        (LIVE | {"BASE_URL": "http://recover.example.com"}, "BASE_URL must be https://"),
        (LIVE | {"CLOCK_FILE": "/tmp/clock"}, "CLOCK_FILE is for rehearsals"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(nowhere, changed, said):
    assert said in fault(nowhere, **changed)


def test_all_contradictions_are_named_at_once(nowhere):
    text = fault(nowhere, **LIVE, BASE_URL="http://localhost:8000", CLOCK_FILE="/tmp/clock")

    assert "BASE_URL" in text
    assert "CLOCK_FILE" in text


def test_live_settings_that_fit_are_taken(nowhere):
    settings = config.load(GOOD | LIVE, nowhere)

    assert settings.secure_cookies


def test_the_environment_wins_over_the_file(tmp_path):
    file = tmp_path / ".env"
    file.write_text("LOG_LEVEL=ERROR\nMAIL_FROM=file@example.com\n", encoding="utf-8")

    settings = config.load(GOOD | {"LOG_LEVEL": "debug"}, file)

    assert settings.log_level == "DEBUG"
    assert settings.mail_from == "billing@example.com"


def test_a_file_alone_is_enough_and_an_empty_line_means_the_default(tmp_path):
    file = tmp_path / ".env"
    lines = [f"{name}={value}" for name, value in GOOD.items()]
    file.write_text("\n".join([*lines, "REDIS_URL=", "LOG_LEVEL="]), encoding="utf-8")

    settings = config.load({}, file)

    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.log_level == "INFO"


def test_addresses_lose_their_last_slash(nowhere):
    assert config.load(GOOD | {"BASE_URL": "https://a.test/"}, nowhere).base_url == "https://a.test"


def test_the_documented_table_lists_exactly_the_settings_there_are():
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$", DOCS, re.MULTILINE)

    assert rows == [(setting.name, _default(setting.default), setting.help) for setting in SETTINGS]


def _default(value: str | None) -> str:
    if value is None:
        return "**required**"
    return f"`{value}`" if value else "empty"


def test_every_setting_but_the_rehearsals_is_explained():
    explained = DOCS.partition("## How to make each value")[2]

    assert {s.name for s in SETTINGS} <= set(re.findall(r"`([A-Z_]+)`", explained))


def test_the_example_is_the_documented_one_and_needs_only_two_fresh_keys(tmp_path):
    assert EXAMPLE.rstrip() in DOCS
    file = tmp_path / ".env"
    file.write_text(EXAMPLE, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        config.load({}, file)
    assert {line.split()[1] for line in str(caught.value).splitlines()[1:]} == {
        "SECRET_KEYS",
        "ENCRYPTION_KEYS",
    }
    fresh = {name: GOOD[name] for name in ("SECRET_KEYS", "ENCRYPTION_KEYS")}
    assert config.load(fresh, file).base_url == "https://billing.example.com"
