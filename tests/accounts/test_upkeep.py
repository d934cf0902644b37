"""What an upgrade asks of accounts already connected: events that come new, and permissions."""

import pytest
from sqlalchemy import select, update

from recover.accounts import upkeep
from recover.accounts.health import endpoint_faults, replace_endpoint
from recover.models import Account, AuditLogEntry
from recover.stripe_api import event_types
from sandbox.sandbox import CAREFUL

OLD_EVENTS = ["charge.dispute.created", "charge.refunded", "invoice.paid"]


@pytest.fixture
def connected(world):
    """An account whose endpoint was made before there were the events of today."""
    replace_endpoint(world.services, world.account, "command")
    [endpoint] = world.sandbox.store.all("webhook_endpoint")
    endpoint["enabled_events"] = list(OLD_EVENTS)
    return endpoint


def account(world):
    with world.services.db.read() as session:
        return session.get_one(Account, world.account.id)


def entries(world, verb):
    with world.services.db.read() as session:
        found = select(AuditLogEntry).where(AuditLogEntry.verb == verb).order_by(AuditLogEntry.id)
        return [(one.actor, one.reason) for one in session.scalars(found)]


def restricted(world, **changed):
    key = world.sandbox.new_key(permissions=CAREFUL | changed)
    with world.services.db.begin() as session:
        sealed = world.services.vault.seal(key)
        session.execute(update(Account).values(secret_key_sealed=sealed, connection="key"))
    return key


def test_an_endpoint_of_before_is_brought_up_to_date_and_keeps_its_secret(world, connected):
    before = account(world).webhook_secrets_sealed
    upkeep.look_after(world.services, account(world))
    assert set(connected["enabled_events"]) == set(event_types.OF_AN_ACCOUNT)
    assert "invoice.created" not in connected["enabled_events"]
    assert account(world).webhook_secrets_sealed == before
    assert endpoint_faults(world.services, account(world)) == ()
    actor, reason = entries(world, "listen")[-1]
    assert actor == "recover"
    assert "radar.early_fraud_warning.created" in reason


def test_once_up_to_date_nothing_is_changed_and_nothing_noted(world, connected):
    for _ in range(3):
        upkeep.look_after(world.services, account(world))
    assert len(entries(world, "listen")) == 2  # made, and brought up to date


def test_strangers_endpoints_and_those_that_get_everything_stay_as_they_are(world, connected):
    connected["enabled_events"] = ["*"]
    stripe = world.services.stripe(world.account)
    stripe.create_webhook_endpoint("https://theirs.test/hook", ["invoice.paid"])
    assert upkeep.add_events(world.services, account(world)) == []
    assert [one["enabled_events"] for one in world.sandbox.store.all("webhook_endpoint")] == [
        ["*"],
        ["invoice.paid"],
    ]


def test_without_the_permission_to_change_it_the_key_is_not_called_broken(world, connected):
    restricted(world, webhook_endpoints="read")
    upkeep.look_after(world.services, account(world))
    assert connected["enabled_events"] == OLD_EVENTS
    assert account(world).problem == ""
    [fault] = endpoint_faults(world.services, account(world))
    assert "does not send" in fault


def test_the_platforms_endpoint_is_left_to_its_operator_who_is_told_how(world, connected):
    platform = world.services.gateway.account(world.services.settings.stripe_secret_key)
    url = f"{world.services.settings.base_url}/webhooks/stripe"
    made, _ = platform.create_webhook_endpoint(url, ["invoice.paid"])
    with world.services.db.begin() as session:
        session.execute(update(Account).values(connection="platform"))
    upkeep.look_after(world.services, account(world))
    faults = endpoint_faults(world.services, account(world))
    assert any(f"stripe webhook_endpoints update {made}" in fault for fault in faults)
    assert any("enabled_events[]=charge.dispute.closed" in fault for fault in faults)
    assert any("enabled_events[]=invoice.paid" in fault for fault in faults)


def test_what_the_key_lacks_is_learned_and_what_is_off_without_it(world, connected):
    restricted(world, disputes="", products="")
    upkeep.look_after(world.services, account(world))
    missing = upkeep.missing_permissions(account(world))
    assert [one.title for one in missing] == ["Products: Read", "Disputes: Read"]
    assert "won or withdrawn" in missing[1].without
    assert account(world).problem == ""


def test_permissions_are_asked_for_again_after_a_week_or_when_some_are_new(world, connected):
    key = restricted(world, disputes="")
    upkeep.look_after(world.services, account(world))
    world.sandbox.restrict_key(key, dict(CAREFUL))
    upkeep.look_after(world.services, account(world))
    assert upkeep.missing_permissions(account(world))  # asked an hour ago
    world.clock.advance(days=7)
    upkeep.look_after(world.services, account(world))
    assert upkeep.missing_permissions(account(world)) == []
    with world.services.db.begin() as session:
        row = session.get_one(Account, world.account.id)
        row.permissions = {"invoice_write /v1/invoices": True}  # what a version before asked
    upkeep.look_after(world.services, account(world))
    assert len(account(world).permissions) > 1
