"""A new card: SetupIntents within caps, for this link alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from recover.models import CardUpdate, Link
from recover.subscribers import card_update
from recover.subscribers.card_caps import (
    PER_LINK,
    PER_LINK_FOR,
    PER_ORIGIN,
    PER_ORIGIN_FOR,
    TooManyCardUpdates,
)
from recover.subscribers.card_update import NotPossible


@pytest.fixture
def new_link(world):
    """Makes a link to the card page of a customer of their own."""

    def make():
        subscription = world.sandbox.add_subscription(world.sandbox.add_customer())
        with world.services.db.begin() as session:
            number = len(session.scalars(select(Link)).all())
            link = Link(
                account_id=world.account.id, public_id=f"link-{number}",
                stripe_customer_id=subscription["customer"],
                stripe_subscription_id=subscription["id"], created_at=world.clock.now(),
            )  # fmt: skip
            session.add(link)
        return link

    return make


def start(world, link, origin="network"):
    return card_update.start(world.services, world.account, link, origin=origin, invoice_ids=[])


def updates(world):
    with world.services.db.read() as session:
        return list(session.scalars(select(CardUpdate).order_by(CardUpdate.id)))


def intents(world):
    return len(world.sandbox.store.all("setup_intent"))


def test_a_link_is_good_for_so_many_card_updates_a_day(world, new_link):
    link = new_link()
    for nth in range(PER_LINK):
        start(world, link, f"network-{nth}")

    with pytest.raises(TooManyCardUpdates) as refused:
        start(world, link, "network-of-its-own")
    assert refused.value.scope == "link"
    assert intents(world) == len(updates(world)) == PER_LINK  # the refused one left nothing

    world.clock.advance_to(world.clock.now() + PER_LINK_FOR)
    assert start(world, link).id


def test_a_network_is_good_for_so_many_card_updates_an_hour(world, new_link):
    for _ in range(PER_ORIGIN // PER_LINK):
        link = new_link()
        for _ in range(PER_LINK):
            start(world, link)

    other = new_link()
    with pytest.raises(TooManyCardUpdates) as refused:
        start(world, other)
    assert refused.value.scope == "origin"
    assert start(world, other, "another network").id

    world.clock.advance_to(world.clock.now() + PER_ORIGIN_FOR)
    assert start(world, other).id


def test_a_card_update_is_found_again_by_its_own_link_alone(world, new_link):
    mine, theirs = new_link(), new_link()
    setup = start(world, mine)
    [row] = updates(world)

    assert card_update.find(world.services, mine, setup.id, "").id == row.id
    with pytest.raises(NotPossible):
        card_update.find(world.services, theirs, setup.id, "")
    with pytest.raises(NotPossible):
        card_update.find(world.services, mine, "seti_unknown", "")


@pytest.mark.parametrize("spoilt", ["link", "account"])
def test_a_revoked_link_or_a_disconnected_account_saves_no_card(world, new_link, spoilt):
    link = new_link()
    setup = start(world, link)
    if spoilt == "link":
        link.revoked_at = world.clock.now()
    else:
        world.account.disconnected_at = world.clock.now() - timedelta(seconds=1)

    with pytest.raises(NotPossible):
        card_update.finish(world.services, world.account, link, setup_intent_id=setup.id)
    assert updates(world)[0].status == "started"


def test_a_card_that_was_never_typed_is_not_saved(world, new_link):
    link = new_link()
    setup = start(world, link)

    finished = card_update.finish(world.services, world.account, link, setup_intent_id=setup.id)

    assert not finished.saved
    assert finished.payments == ()
    assert updates(world)[0].status == "started"
