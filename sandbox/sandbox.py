"""The whole pretend world behind one door."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox import company as company_acts
from sandbox import population, weather
from sandbox.clock import Clock
from sandbox.consent import Consent
from sandbox.faults import Faults
from sandbox.objects import customers
from sandbox.seed import Seeding
from sandbox.state import Key, Obj, State, Store
from sandbox.webhooks import Webhooks
from sandbox.world import World

# What a careful company lets Recover do: the table of docs/connecting.md, by paths.
CAREFUL = {
    **dict.fromkeys(
        ("invoices", "subscriptions", "customers", "setup_intents", "checkout"), "write"
    ),
    "webhook_endpoints": "write",
    **dict.fromkeys(
        ("payment_intents", "payment_methods", "charges", "products", "account", "disputes"), "read"
    ),
}
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class Sandbox(Seeding):
    """A platform and one company connected to it, whose subscribers belong to the world.

    ``platform_key`` acts for the company with the Stripe-Account header set to ``account_id``;
    ``account_key`` and ``restricted_key`` are the company's own, the latter with what Recover needs
    and nothing more.
    """

    def __init__(
        self,
        world: World | str = "default",
        seed: int = 1,
        clock: Clock | None = None,
        *,
        subscribers: int = 0,
        days: int = 30,
        stripe_retries: Sequence[int] | None = None,
        end_action: str | None = None,
        company: str = "Fernhill Software",
        timezone: str = "America/New_York",
    ) -> None:
        """``subscribers`` renew at chance within ``days``. The two options override the world's."""
        world = World.load(world) if isinstance(world, str) else world
        world = _override(world, stripe_retries, end_action)
        self.clock = clock or Clock(START)
        self.state = State(world, seed, self.clock)
        self.books = self.state.books
        self.faults = Faults()
        self.webhooks = Webhooks(self.state)
        self.consent = Consent(self.state)
        self.platform = customers.account(self.state, "Recover")
        self.store = customers.account(self.state, company, timezone=timezone)
        self.state.listeners += [self.webhooks.listen, weather.listen, company_acts.listen]
        self._issue_keys()
        if subscribers:
            self.populate(subscribers, days=days)

    def _issue_keys(self) -> None:
        def key(kind: str, store: Store) -> str:
            secret = f"{kind}_test_{self.state.chance.token(24, kind, store.id)}"
            self.state.keys[secret] = Key(secret, store)
            return secret

        self.platform_key = key("sk", self.platform)
        self.publishable_key = key("pk", self.platform)
        self.account_key = key("sk", self.store)
        self.restricted_key = key("rk", self.store)
        self.state.keys[self.restricted_key].permissions = dict(CAREFUL)
        self.account_publishable_key = key("pk", self.store)

    @property
    def account_id(self) -> str:
        return self.store.id

    def populate(self, subscribers: int, *, days: int = 30) -> list[Obj]:
        """Add subscriptions to the company; returns them."""
        with self.state.lock:
            return population.populate(self.store, subscribers, days=days)

    # -- time ----------------------------------------------------------------------------------

    def next_event_at(self) -> datetime | None:
        """When the sandbox will next do something by itself, webhook retries included."""
        with self.state.lock:
            times = (self.state.timers.next_at(), self.webhooks.next_due_at())
            return min((moment for moment in times if moment), default=None)

    def advance_to(self, until: datetime) -> int:
        """Run everything due up to ``until``, in order, and set the clock to it; how many ran.

        Webhooks are only queued: call `deliver_due` when the product should hear of it.
        """
        ran = 0
        while True:
            with self.state.lock:
                due = self.state.timers.pop_due(until)
                if due is None:
                    self.clock.advance_to(max(until, self.clock.now()))
                    return ran
                moment, action = due
                self.clock.advance_to(max(moment, self.clock.now()))
                action()
                ran += 1

    def advance(self, by: timedelta) -> int:
        return self.advance_to(self.clock.now() + by)

    def deliver_due(self) -> int:
        """Send every webhook that is due; how many were sent."""
        return self.webhooks.deliver_due()

    # -- access --------------------------------------------------------------------------------

    def add_company(self, name: str, *, timezone: str = "UTC") -> Store:
        """One more Stripe account, without a key."""
        with self.state.lock:
            return customers.account(self.state, name, timezone=timezone)

    def new_key(
        self,
        store: Store | None = None,
        kind: str = "rk",
        *,
        livemode: bool = False,
        permissions: dict[str, str] | None = None,
    ) -> str:
        """One more key of an account (the company's, unless another is named)."""
        store, mode = store or self.store, "live" if livemode else "test"
        with self.state.lock:
            token = self.state.chance.token(24, kind, store.id, len(self.state.keys))
            secret = f"{kind}_{mode}_{token}"
            self.state.keys[secret] = Key(secret, store, permissions)
        return secret

    def restrict_key(self, secret: str, permissions: dict[str, str] | None) -> None:
        """Only these resources, such as ``{"invoices": "read"}``; None lifts the restriction."""
        self.state.keys[secret].permissions = permissions

    def revoke_key(self, secret: str) -> None:
        self.state.keys[secret].revoked = True

    def deauthorize(self) -> None:
        """The company disconnects the platform."""
        with self.state.lock:
            self.store.deauthorize()

    # -- truth ---------------------------------------------------------------------------------

    def report(self) -> dict[str, Any]:
        """The sandbox's own books: see `sandbox.books`."""
        with self.state.lock:
            return self.books.report()

    def close(self) -> None:
        self.webhooks.close()


def _override(world: World, retries: Sequence[int] | None, end_action: str | None) -> World:
    billing = world.billing
    if retries is not None:
        billing = dataclasses.replace(billing, stripe_retries=tuple(retries))
    if end_action is not None:
        billing = dataclasses.replace(billing, end_action=end_action)
    return dataclasses.replace(world, billing=billing)
