"""A subscriber in front of the card page: fetches it over HTTP, fills in its forms, as a browser
would with scripts (Payment Element) or without (hosted Checkout).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

from sandbox.sandbox import Sandbox

TIMEOUT = 30
BANK = "/v1/sandbox/authenticate"  # the page of the bank that asks the cardholder


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    """The forms of a page with what a visitor would send if they changed nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get").lower()))
        elif tag == "input" and self.forms and values.get("name"):
            ticked = values.get("type") not in ("checkbox", "radio") or "checked" in values
            if ticked:
                self.forms[-1].fields.append((values["name"], values.get("value", "")))


def forms_of(html: str) -> list[Form]:
    parser = _Forms()
    parser.feed(html)
    return parser.forms


@dataclass(frozen=True)
class Outcome:
    """How a visit ended: ``state`` is paid, saved, declined, action, closed or refused."""

    state: str
    status: int


class Visitor:
    """One visit to a card page. ``number`` is the new card's.

    ``presses``: how often the last button is pressed, each time after the answer to the last.
    """

    def __init__(self, sandbox: Sandbox, stripe_url: str, number: str, presses: int = 1) -> None:
        self.sandbox = sandbox
        self.stripe_url = stripe_url
        self.number = number
        self.presses = presses
        self.session = requests.Session()

    def visit(self, link: str, *, scripts: bool = True) -> Outcome:
        """Open the mailed link and replace the card, if the page offers it."""
        with self.session:
            page = self.session.get(link, timeout=TIMEOUT)
            form = next((f for f in forms_of(page.text) if f.action.endswith("/checkout")), None)
            if form is None:
                return Outcome("closed", page.status_code)
            if scripts:
                return self._by_script(page.url, form)
            return self._by_checkout(page.url, form)

    def _by_script(self, page: str, form: Form) -> Outcome:
        """What the page's script does with Stripe.js: start, confirm, finish, authenticate."""
        started = self._post(page + "/start", form.fields)
        if started.status_code != 200:
            return Outcome("refused", started.status_code)
        keys = started.json()
        intent = self._confirm("setup_intents", keys, keys["client_secret"], self._card())
        token = [pair for pair in form.fields if pair[0] == "csrf_token"]
        for _ in range(self.presses):
            finished = self._post(page + "/finish", [*token, ("setup_intent", intent)])
        answer = finished.json()
        if answer.get("state") == "action":
            self._confirm("payment_intents", keys, answer["client_secret"], {})
            answer = self._post(page + "/settle", [*token, ("setup_intent", intent)]).json()
        return Outcome(str(answer.get("state", "")), finished.status_code)

    def _by_checkout(self, page: str, form: Form) -> Outcome:
        """Without scripts: Stripe's hosted page takes the card and sends the visitor back."""
        hosted = self._post(urljoin(page, form.action), form.fields)
        card_form = next(iter(forms_of(hosted.text)), None)
        if card_form is None:
            return Outcome("refused", hosted.status_code)
        fields = [(k, v) for k, v in card_form.fields if k not in self._typed()]
        back = self._post(urljoin(hosted.url, card_form.action), [*fields, *self._typed().items()])
        return Outcome("saved" if back.ok else "declined", back.status_code)

    def _typed(self) -> dict[str, str]:
        return {"number": self.number, "exp_month": "11", "exp_year": "2031", "cvc": "314"}

    def _card(self) -> dict[str, str]:
        card = {f"payment_method_data[card][{k}]": v for k, v in self._typed().items()}
        return {"payment_method_data[type]": "card", **card}

    def _post(self, url: str, fields: list[tuple[str, str]]) -> requests.Response:
        return self.session.post(url, data=fields, headers={"Referer": url}, timeout=TIMEOUT)

    def _confirm(self, kind: str, keys: dict[str, str], secret: str, fields: dict[str, str]) -> str:
        """What Stripe.js does: confirm, and pass the bank's check if it asks. The intent's id."""
        intent = secret.partition("_secret_")[0]
        confirmed = self._stripe(f"/v1/{kind}/{intent}/confirm", keys, secret, fields)
        if confirmed.json().get("status") == "requires_action":
            self._stripe("/v1/sandbox/authenticate", keys, secret, {"outcome": "success"})
        return intent

    def _stripe(
        self, path: str, keys: dict[str, str], secret: str, fields: dict[str, str]
    ) -> requests.Response:
        key = keys["publishable_key"]
        whose = {"key": key, "client_secret": secret}
        if keys.get("stripe_account"):
            whose["_stripe_account"] = keys["stripe_account"]
        return self.session.post(self.stripe_url + path, data=whose | fields, timeout=TIMEOUT)
