"""Every address there is, of the pages and of the API, and how each is asked.

Colleagues who add a route need not come here, unless its address has a parameter of a new name (say
in `PARAMETERS` whose it is), its form needs a certain word before it does anything (say which in
`FORMS`), or it takes more than one step (say which in `STEPS`).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from flask import Flask
from isolation_words import RETRIES, SETTING, device_of, token_of, version_of
from webhook_cast import PLATFORM_SECRET, body_of, event, signature

from recover import api
from recover.api.operations import Operation
from recover.integrations import payloads
from sandbox.sandbox import CAREFUL
from webhooks import receiver

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
PARAMETER = re.compile(r"<(?:[^<>:]+:)?(\w+)>")


@dataclass(frozen=True)
class Route:
    """One way to ask for one address. ``path`` has <parameters>."""

    endpoint: str
    method: str
    path: str
    operation: Operation | None = None  # of the API

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def arguments(self) -> list[str]:
        return PARAMETER.findall(self.path)

    @property
    def part(self) -> str:
        """The blueprint's own name: card_page, team."""
        return self.endpoint.rpartition(".")[0].rpartition(".")[2]

    @property
    def owned(self) -> list[str]:
        """The parameters that name something of a company's, which one must be allowed to see."""
        return [name for name in self.arguments if name not in (NOBODYS | SIGNED)]

    @property
    def signed(self) -> bool:
        return bool(set(self.arguments) & SIGNED)


# The API described, for programs and for people.
DESCRIPTIONS = [
    Route(f"api.{name}", "GET", f"{api.PREFIX}/{name}") for name in ("openapi.json", "docs")
]


def routes(worlds) -> list[Route]:
    """Every one there is."""
    hooks = Flask("hooks")
    hooks.register_blueprint(receiver.blueprint(worlds.services))
    return _routes(worlds.app) + _routes(hooks) + operations() + DESCRIPTIONS


def _routes(app: Flask) -> list[Route]:
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))
    return [
        Route(rule.endpoint, method, rule.rule)
        for rule in rules
        for method in METHODS
        if method in rule.methods
    ]


def operations() -> list[Route]:
    return [
        Route(f"api.{one.name}", one.method, api.PREFIX + one.rule, one) for one in api.OPERATIONS
    ]


# What stands in for a parameter of an address, by its name: given the worlds, a side, the part of
# the product the page belongs to, and which of the side's accounts is meant.
PARAMETERS: dict[str, Callable] = {
    "account_id": lambda worlds, side, part, which: side.id("accounts", which),
    "case_id": lambda worlds, side, part, which: side.id("cases", which),
    "delivery_id": lambda worlds, side, part, which: side.id("webhook_deliveries", which),
    "endpoint_id": lambda worlds, side, part, which: side.id("webhook_endpoints", which),
    "invitation_id": lambda worlds, side, part, which: side.id("invitations", which),
    "passkey_id": lambda worlds, side, part, which: side.id("passkeys"),
    "session_id": lambda worlds, side, part, which: side.id("sign_ins"),
    "token_id": lambda worlds, side, part, which: side.id("api_tokens", which),
    # The places one may turn to are one's own; of the team, somebody else is meant.
    "user_id": lambda worlds, side, part, which: side.id("users", part != "company_switch"),
    "invoice_id": lambda worlds, side, part, which: side.rows["cases"][which]["stripe_invoice_id"],
    "mode": lambda worlds, side, part, which: "recover",
    "name": lambda worlds, side, part, which: version_of(side.marker, which),
    "case": lambda worlds, side, part, which: payloads.public_id(
        payloads.CASE, side.id("cases", which)
    ),
    "endpoint": lambda worlds, side, part, which: payloads.public_id(
        payloads.ENDPOINT, side.id("webhook_endpoints", which)
    ),
    "delivery": lambda worlds, side, part, which: payloads.public_id(
        payloads.DELIVERY, side.id("webhook_deliveries", which)
    ),
    "customer": lambda worlds, side, part, which: side.rows["cases"][which]["stripe_customer_id"],
    "token": lambda worlds, side, part, which: worlds.token(side, part, which),
    "hook_token": lambda worlds, side, part, which: side.rows["accounts"][which]["hook_token"],
    "color": lambda worlds, side, part, which: "1f6feb",
    "filename": lambda worlds, side, part, which: "recover.css",
}

# Parameters that name nothing of a company's. A customer is named by Stripe's id, and whoever is
# not known here is fine: the answer must be what it is for an id that nobody has, which is tested.
NOBODYS = {"color", "filename", "mode", "customer"}
SIGNED = {"token", "hook_token"}  # who holds one is let in by it, with or without a session

# What a form has to say for something to be done, by endpoint. A text is filled in: {cases} is
# the id of the first account's case, as for each table; {marker} is the company's own.
FORMS: dict[str, dict[str, Any]] = {
    "web.account_settings.brand": {"name": "Renamed", "color": "#123456"},
    "web.account_settings.ending": {"end_of_dunning": "leave"},
    "web.account_settings.notifications": {"notify_to": "other@{marker}.test"},
    "web.account_settings.retries": RETRIES,
    "web.account_settings.sending": {"timezone": "Europe/Lisbon", "reply_to": "a@{marker}.test"},
    "web.account_settings.undo": {"id": "{setting}"},
    "web.webhook_endpoints.change": {"url": "https://elsewhere.test/", "event": "case.opened"},
    "web.webhook_endpoints.create": {
        "account": "{accounts}",
        "url": "https://new.test/",
        "event": "case.opened",
    },
    "web.invitations.invite": {"email": "new@{marker}.test", "role": "member"},
    "web.members.change_role": {"role": "viewer"},
    "web.live_or_test.switch": {"mode": "test"},
    "web.passkeys.rename": {"name": "Laptop"},
    "web.privacy.copy": {"who": "{email}"},
    "web.privacy.erase": {"who": "{email}"},
    "web.privacy.find": {"who": "{email}"},
    "web.privacy.keep": {"days": "400"},
    "web.audit_log_export.download": {"chain": "", "format": "csv"},
    "web.sign_in.ask": {"email": "owner0@{marker}.test"},
    "web.stripe_accounts.test_mail": {"who": "team"},
    "web.api_tokens.create": {"name": "New", "mode": "test", "scope": "cases:read", "life": "90"},
    "web.api_tokens.grace": {"days": "9"},
    "api.create_webhook_endpoint": {
        "account": "acc_{accounts}",
        "url": "https://new.test/",
        "events": ["case.opened"],
    },
    "api.change_webhook_endpoint": {"url": "https://elsewhere.test/"},
}


def form_of(route: Route, side) -> dict[str, Any]:
    ids = {table: keys[0] for table, keys in side.keys.items()}
    ids |= {
        "marker": side.marker.lower(),
        "email": side.rows["cases"][0]["customer_email"],
        "setting": side.keys["record"][SETTING],
    }
    form = FORMS.get(route.endpoint, {})
    return {k: v.format(**ids) if isinstance(v, str) else v for k, v in form.items()}


def _passkey_answer(worlds, side, browser) -> dict[str, Any]:
    """What a device answers that holds our passkey, but signs nonsense."""
    _post(browser, "/sign-in/passkey/options")
    raw = device_of("nonsense", 0)
    held = side.rows["passkeys"][0]["credential_id"]
    answer = {
        "id": held,
        "rawId": held,
        "type": "public-key",
        "response": {
            "authenticatorData": raw,
            "clientDataJSON": raw,
            "signature": raw,
            "userHandle": raw,
        },
    }
    return {"answer": json.dumps(answer)}


def _consent(worlds, side, browser) -> dict[str, Any]:
    """Stripe's page of consent was asked for by this session; it says no."""
    location = _post(browser, "/settings/stripe/connect").location
    state = re.search(r"state=([^&]+)", location)[1]
    return {"state": state, "error": "access_denied"}


def _key(worlds, side, browser) -> dict[str, Any]:
    """The key of a company's own account once more, with what is needed and no more."""
    store = side.stores[0]
    secret = worlds.sandbox.new_key(store, permissions=dict(CAREFUL))
    public = worlds.sandbox.new_key(store, "pk")
    return {"key": secret, "publishable_key": public, "mode": "test"}


# What has to be done first, in the same browser: given the worlds, a side and the browser, it says
# what is then sent.
STEPS: dict[str, Callable] = {
    "web.passkey_sign_in.enter": _passkey_answer,
    "web.stripe_connect.come_back": _consent,
    "web.stripe_connect.key": _key,
}


def address(worlds, route: Route, side, *, theirs: tuple[str, ...] = (), which: int = 0) -> str:
    """The route's address with this side's ids, but those of the other side where so named."""

    def given(match: re.Match[str]) -> str:
        name = match[1]
        assert name in PARAMETERS, (
            f"{route}: say in PARAMETERS of {__name__} what stands in for <{name}>, and in"
            " NOBODYS or SIGNED if it names nothing of a company's, or is signed."
        )
        whose = worlds.theirs if name in theirs else side
        return str(PARAMETERS[name](worlds, whose, route.part, which))

    return PARAMETER.sub(given, route.path)


def foreign(worlds, route: Route) -> Iterator[str]:
    """The route's addresses in which at least one parameter is theirs and the others are ours."""
    for chosen in product((True, False), repeat=len(route.owned)):
        theirs = tuple(
            name for name, is_theirs in zip(route.owned, chosen, strict=True) if is_theirs
        )
        if theirs:
            yield address(worlds, route, worlds.ours, theirs=theirs)


def ask(worlds, route: Route, path: str, *, side=None, given=None, which: int = 0, step=False):
    """One request as this side asks: a page by a session in a browser of its own, with what a form
    needs; the API by the token of its first account's number ``which``. ``given`` comes on top.
    """
    side = side or worlds.ours
    sent = form_of(route, side) | (given or {})
    if route.path.startswith(api.PREFIX):
        bearer = {"Authorization": f"Bearer {token_of(side.marker, which)}"}
        return call(worlds, route, path, sent, bearer)
    if route.endpoint.startswith("webhooks."):
        return _stripe_tells(worlds, path, side)
    browser = worlds.browser(side)
    if step and route.endpoint in STEPS:
        sent |= STEPS[route.endpoint](worlds, side, browser)
    if route.method == "GET":
        return browser.get(path, query_string=sent, buffered=True)
    return _post(browser, path, route.method, sent)


def call(
    worlds, route: Route, path: str, sent: dict[str, Any], headers: dict[str, str], client=None
):
    """The API is called, without a session unless the ``client`` has one."""
    body = route.operation and route.operation.body
    where = {"json": sent} if body else {"query_string": sent}
    if route.operation and route.operation.repeatable:
        headers = headers | {"Idempotency-Key": f"key of {path}"}
    client = client or worlds.app.test_client()
    return client.open(path, method=route.method, headers=headers, buffered=True, **where)


def _stripe_tells(worlds, path: str, side):
    """An event of this side's first account, signed as Stripe signs what it sends to an address."""
    account = side.rows["accounts"][0]
    direct = path.endswith(account["hook_token"])
    body = body_of(event(account=account["stripe_account_id"]))
    secret = f"whsec_{account['stripe_account_id']}" if direct else PLATFORM_SECRET
    headers = {"Stripe-Signature": signature(body, secret, worlds.services.now())}
    return worlds.app.test_client().post(path, data=body, headers=headers, buffered=True)


def _post(browser, path: str, method: str = "POST", sent: dict[str, Any] | None = None):
    token = CSRF.search(browser.get("/sign-in").text)[1]
    data = {"csrf_token": token} | (sent or {})
    return browser.open(path, method=method, data=data, buffered=True)


def theirs_in(worlds, answer, *typed: str) -> bool:
    """Anything of theirs in what was answered, beside what we typed ourselves: body, headers."""
    text = (answer.get_data(as_text=True) + str(answer.headers)).lower()
    for one in sorted(typed, key=len, reverse=True):
        text = text.replace(html.escape(one).lower(), "").replace(one.lower(), "")
    return worlds.theirs.marker.lower() in text
