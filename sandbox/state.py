"""Everything the pretend Stripe remembers: accounts, their objects, keys, events, and what is due.

Objects are Stripe's JSON as plain dicts, held unexpanded. Whoever reads or changes them holds
`State.lock`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.books import Books
from sandbox.cards import CardTruth
from sandbox.chance import Chance
from sandbox.clock import Clock
from sandbox.issuers import Issuers
from sandbox.shapes import API_VERSION, shape
from sandbox.timers import Timers
from sandbox.world import World

Obj = dict[str, Any]
# The first part of an id says what it names, which is also how an id is expanded.
KINDS = {
    "cus": "customer",
    "pm": "payment_method",
    "card": "card",
    "in": "invoice",
    "inpay": "invoice_payment",
    "pi": "payment_intent",
    "ch": "charge",
    "sub": "subscription",
    "seti": "setup_intent",
    "cs": "checkout.session",
    "we": "webhook_endpoint",
    "evt": "event",
    "re": "refund",
    "cn": "credit_note",
    "pr": "payment_record",
    "dp": "dispute",
    "issfr": "radar.early_fraud_warning",
    "price": "price",
    "prod": "product",
}


def kind_of(object_id: str) -> str:
    """The kind "in_1Abc" names: "invoice". Anything that is not an id names ""."""
    prefix, _, rest = object_id.partition("_")
    return KINDS.get(prefix, "") if rest else ""


@dataclass(slots=True)
class Store:
    """One Stripe account with all it owns."""

    state: State
    account: Obj
    objects: dict[str, Obj] = field(default_factory=dict)  # by id, oldest first
    by_kind: dict[str, list[Obj]] = field(default_factory=dict)  # oldest first
    _owned: dict[tuple[str, str], list[Obj]] = field(default_factory=dict)
    deauthorized: bool = False  # the platform may no longer act for it

    @property
    def id(self) -> str:
        return str(self.account["id"])

    def now(self) -> datetime:
        return self.state.clock.now()

    def epoch(self) -> int:
        return self.state.clock.epoch()

    def mint(self, prefix: str, *parents: object) -> str:
        return self.state.mint(prefix, *parents)

    def truth(self, method_id: str) -> CardTruth:
        """What the issuer knows of a stored card. Raises KeyError."""
        return self.state.truths[method_id]

    def put(self, obj: Obj) -> Obj:
        self.objects[obj["id"]] = obj
        self.by_kind.setdefault(kind_of(obj["id"]), []).append(obj)
        for owner in ("customer", "invoice", "payment_intent"):
            if isinstance(obj.get(owner), str):
                self.link(obj, obj[owner])
        return obj

    def link(self, obj: Obj, owner_id: str) -> None:
        """Find ``obj`` among its owner's from now on."""
        kin = self._owned.setdefault((kind_of(obj["id"]), owner_id), [])
        if obj not in kin:
            kin.append(obj)

    def owned(self, kind: str, owner_id: str) -> list[Obj]:
        """Objects filed under an owner, oldest first; one that moved on since is still listed."""
        return self._owned.get((kind, owner_id), [])

    def remove(self, obj: Obj) -> None:
        del self.objects[obj["id"]]
        self.by_kind[kind_of(obj["id"])].remove(obj)

    def get(self, object_id: str | None) -> Obj:
        """Raises KeyError."""
        return self.objects[str(object_id)]

    def all(self, kind: str) -> list[Obj]:
        """Oldest first."""
        return self.by_kind.get(kind, [])

    def emit(self, event_type: str, obj: Obj, previous: Obj | None = None) -> Obj:
        """Record an event with a snapshot of ``obj``, and tell the listeners."""
        data: Obj = {"object": deepcopy(obj)}
        if previous is not None:
            data["previous_attributes"] = deepcopy(previous)
        event = shape(
            "event",
            id=self.mint("evt", event_type, obj.get("id", self.id)),
            api_version=API_VERSION,
            created=self.epoch(),
            data=data,
            type=event_type,
        )
        self.put(event)
        for listener in self.state.listeners:
            listener(self, event)
        return event

    def change(self, obj: Obj, event_type: str, **fields: Any) -> bool:
        """Set fields; where any really changed, emit the event with the previous attributes."""
        previous = {key: obj[key] for key, value in fields.items() if obj[key] != value}
        if not previous:
            return False
        previous = deepcopy(previous)
        obj.update(fields)
        self.emit(event_type, obj, previous)
        return True

    def deauthorize(self) -> None:
        """The platform may no longer act for this account, and hears of it."""
        self.deauthorized = True
        application = {"id": "ca_sandbox", "object": "application", "name": "Recover"}
        self.emit("account.application.deauthorized", application)

    def set_delinquent(self, customer_id: str, *, delinquent: bool) -> None:
        customer = self.get(customer_id)
        if "deleted" not in customer:
            self.change(customer, "customer.updated", delinquent=delinquent)


@dataclass(slots=True)
class Key:
    """An API key: whose it is, and what it may do."""

    secret: str
    store: Store
    permissions: dict[str, str] | None = None  # restricted keys: resource -> "read" or "write"
    revoked: bool = False

    @property
    def publishable(self) -> bool:
        return self.secret.startswith("pk_")


Listener = Callable[[Store, Obj], None]


class State:
    def __init__(self, world: World, seed: int, clock: Clock) -> None:
        self.world = world
        self.clock = clock
        self.chance = Chance(seed)
        self.lock = threading.RLock()
        self.timers = Timers()
        self.issuers = Issuers(world, self.chance)
        self.books = Books()
        self.stores: dict[str, Store] = {}
        self.keys: dict[str, Key] = {}
        self.truths: dict[str, CardTruth] = {}  # by payment method or card id
        self.people: set[str] = set()  # customers who act by themselves; those set by hand do not
        self.partial_payments = False  # on automatically charged invoices, which Stripe refuses
        self.base_url = ""  # where this Stripe is served, for the addresses it hands out
        self.listeners: list[Listener] = []
        self._minted: Counter[tuple[object, ...]] = Counter()

    def now(self) -> datetime:
        return self.clock.now()

    def epoch(self) -> int:
        return self.clock.epoch()

    def mint(self, prefix: str, *parents: object) -> str:
        """A new id: the n-th of its prefix and parents, the same in every run with this seed."""
        name = (prefix, *parents)
        self._minted[name] += 1
        return f"{prefix}_1{self.chance.token(23, *name, self._minted[name])}"


def moment(epoch: int) -> datetime:
    """Stripe's seconds -> aware UTC."""
    return datetime.fromtimestamp(epoch, UTC)
