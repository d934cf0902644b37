"""Which permissions a restricted key needs, which it need not have, and how each is tested.

A probe is a request that changes nothing, whatever the answer. Stripe checks the key before the
object: without the permission it answers 403, with it the request fails for another reason or
returns something. Reading probes list one object. Writing probes name an object that cannot exist:
Stripe's ids consist of letters and digits, and `MISSING_ID` has underscores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

MISSING_ID = "recover_asks_what_it_may"
READ, WRITE = "Read", "Write"
ONE_OBJECT: Mapping[str, Any] = {"limit": 1}


@dataclass(frozen=True, slots=True)
class Probe:
    """A request, and why it is harmless."""

    method: str
    path: str
    harmless: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Permission:
    """A row of the Dashboard's table of permissions. Write includes read."""

    section: str
    name: str
    access: str  # READ or WRITE
    slug: str  # Stripe's own name for it, in its errors and in the link that ticks the boxes
    why: str
    probe: Probe
    also: tuple[Probe, ...] = ()  # other ways in which Recover uses it
    without: str = ""  # what is off without it; "" where Recover cannot work then

    @property
    def probes(self) -> tuple[Probe, ...]:
        return (self.probe, *self.also)

    @property
    def key(self) -> str:
        """What it is stored by: one slug may stand for several things that are asked."""
        return f"{self.slug} {self.probe.path}"

    @property
    def title(self) -> str:
        return f"{self.name}: {self.access}"


def _listing(path: str, params: Mapping[str, Any] = ONE_OBJECT) -> Probe:
    return Probe("GET", path, "lists one object at most", params)


def _absent(path: str) -> Probe:
    harmless = "names an object that cannot exist; allowed, it ends in 404"
    return Probe("POST", path.format(MISSING_ID), harmless)


# Unformatted: tables, in which each permission is a paragraph. The formatter would give every word
# a line of its own.
NEEDED: tuple[Permission, ...] = (
    Permission(
        "Billing", "Invoices", WRITE, "invoice_write",
        "see what failed, and pay it", _absent("/v1/invoices/in_{}/pay"),
        also=(
            Probe(
                "GET", f"/v1/invoices/in_{MISSING_ID}", "reads an object that cannot exist",
                {"expand": ["payments.data.payment.payment_intent"]},
            ),
            _listing("/v1/invoice_payments"),
        ),
    ),
    Permission(
        "Billing", "Subscriptions", WRITE, "subscription_write",
        "know whether it still runs; save a new card where the old one failed",
        _absent("/v1/subscriptions/sub_{}"),
    ),
    Permission(
        "Core", "Customers", WRITE, "customer_write",
        "know whom to write to; save a new card as the default", _absent("/v1/customers/cus_{}"),
    ),
    Permission(
        "Core", "Setup Intents", WRITE, "setup_intent_write",
        "take a new card on the card page", _absent("/v1/setup_intents/seti_{}/cancel"),
    ),
    Permission(
        "Checkout", "Checkout Sessions", WRITE, "checkout_session_write",
        "offer the card page without JavaScript", _absent("/v1/checkout/sessions/cs_{}/expire"),
    ),
    Permission(
        "Webhook", "Webhook Endpoints and Event Destinations", WRITE, "webhook_write",
        "make the one endpoint on which Stripe tells Recover what happens, and remove it again",
        _absent("/v1/webhook_endpoints/we_{}"),
    ),
    Permission(
        "Core", "Payment Intents", READ, "payment_intent_read",
        "see the state of a payment attempt", _listing("/v1/payment_intents"),
    ),
    Permission(
        "Core", "Payment Methods", READ, "payment_method_read",
        "see which card would be charged, and when it expires",
        Probe("GET", f"/v1/payment_methods/pm_{MISSING_ID}", "reads an object that cannot exist"),
    ),
    Permission(
        "Core", "Charges and Refunds", READ, "charge_read",
        "see every payment attempt with its decline, and money given back", _listing("/v1/charges"),
    ),
    Permission(
        "Core", "Products", READ, "product_read",
        "name the plan in mails", _listing("/v1/products"),
    ),
    Permission(
        "Connect", "Accounts", READ, "accounts_kyc_basic_read",
        "learn the account's name, time zone and support address",
        Probe("GET", "/v1/account", "reads the account's own details"),
    ),
)  # fmt: skip
"""In the order of docs/connecting.md, which a test compares with this."""


OPTIONAL: tuple[Permission, ...] = (
    Permission(
        "Core", "Disputes", READ, "dispute_read",
        "know how a disputed payment ended, so that its customer's cases go on and the ledger is"
        " right", _listing("/v1/disputes"),
        without="Recover cannot see whether a dispute was won or withdrawn. Its customer is neither"
        " charged nor written to until somebody lets the case go on, and money that came back is"
        " not put back in the ledger.",
    ),
    Permission(
        "Core", "Charges and Refunds", READ, "charge_read",
        "see a bank's early fraud warnings", _listing("/v1/radar/early_fraud_warnings"),
        without="Recover cannot read early fraud warnings. A warned customer is neither charged nor"
        " written to until somebody lets the case go on, and one whose event was lost is missed.",
    ),
)  # fmt: skip
"""Asked for as well; without one Recover works on, and the account's page says what is off."""

NOT_NEEDED: tuple[Permission, ...] = (
    Permission(
        "Core", "Charges and Refunds", WRITE, "charge_write",
        "could give money back", _absent("/v1/refunds/re_{}"),
    ),
    Permission(
        "Core", "Payment Intents", WRITE, "payment_intent_write",
        "could charge any saved card any amount", _absent("/v1/payment_intents/pi_{}/cancel"),
    ),
    Permission(
        "Core", "Payouts", WRITE, "payout_write",
        "could send your balance to a bank account", _absent("/v1/payouts/po_{}"),
    ),
    Permission(
        "Connect", "Transfers", WRITE, "transfer_write",
        "could send your balance to another Stripe account", _absent("/v1/transfers/tr_{}"),
    ),
    Permission(
        "Core", "Disputes", WRITE, "dispute_write",
        "could answer or concede disputes", _absent("/v1/disputes/du_{}"),
    ),
    Permission(
        "Core", "Products", WRITE, "product_write",
        "could change what you sell", _absent("/v1/products/prod_{}"),
    ),
    Permission(
        "Billing", "Coupons", WRITE, "coupon_write",
        "could give discounts", _absent("/v1/coupons/{}"),
    ),
    Permission(
        "Core", "Balance", READ, "balance_read",
        "shows how much money you have", Probe("GET", "/v1/balance", "reads a balance"),
    ),
)  # fmt: skip
"""What is worth a warning: permissions to move money, or to change what is sold."""


def create_key_url(*, livemode: bool) -> str:
    """The Dashboard's form for a new restricted key, with the boxes ticked.

    Stripe does not document its parameters; where it ignores them, the table is ticked by hand.
    """
    slugs = dict.fromkeys(one.slug for one in (*NEEDED, *OPTIONAL))
    ticked = [("permissions[]", f"rak_{slug}") for slug in slugs]
    mode = "" if livemode else "/test"
    query = urlencode([("name", "Recover"), *ticked])
    return f"https://dashboard.stripe.com{mode}/apikeys/create?{query}"
