import pytest
from sqlalchemy import update
from webhook_cast import HOOK_SECRET

from recover.models import Account
from webhooks.account_cache import TTL_SECONDS, AccountCache

pytestmark = pytest.mark.both_databases  # what another connection has committed


class Seconds:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def cache(services, account, seconds):
    return AccountCache(services, clock=seconds)


def rotate(services, account, secrets):
    sealed = services.vault.seal(secrets)
    with services.db.begin() as session:
        session.execute(
            update(Account).where(Account.id == account.id).values(webhook_secrets_sealed=sealed)
        )


def test_a_rotated_secret_is_seen_when_the_time_is_up(cache, services, account, seconds):
    assert cache.secrets(cache.by_token("hook-of-acme")) == [HOOK_SECRET]
    rotate(services, account, "whsec_new,whsec_old")
    seconds.now += TTL_SECONDS - 0.1
    assert cache.secrets(cache.by_token("hook-of-acme")) == [HOOK_SECRET]
    seconds.now += 0.1
    assert cache.secrets(cache.by_token("hook-of-acme")) == ["whsec_new", "whsec_old"]


def test_unknown_addresses_are_not_kept_in_memory(cache):
    assert [cache.by_token(f"stranger-{n}") for n in range(50)] == [None] * 50
    assert [cache.by_stripe_id(f"acct_{n}", livemode=True) for n in range(50)] == [None] * 50
    assert len(cache._known) == 0


def test_an_account_connected_since_is_found_at_once(cache, services, account):
    assert cache.by_stripe_id("acct_acme", livemode=False) is None  # it has a key of its own
    with services.db.begin() as session:
        session.execute(update(Account).values(connection="platform"))
    found = cache.by_stripe_id("acct_acme", livemode=False)
    assert found.id == account.id
    assert cache.by_stripe_id("acct_acme", livemode=True) is None


def test_an_account_that_is_gone_is_forgotten(cache, services, account, seconds):
    assert cache.by_token("hook-of-acme").id == account.id
    with services.db.begin() as session:
        session.execute(update(Account).values(hook_token="another"))
    seconds.now += TTL_SECONDS
    assert cache.by_token("hook-of-acme") is None
    assert len(cache._known) == 0
