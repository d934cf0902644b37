"""Subscribers as they are: step by step in front of the card page, in any order and more than once.

`visitor` walks straight through. Here each request is an act of its own, so that between any two
the tab may be closed, a box unticked, a button pressed twice, or the world may change.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import requests

from sandbox.sandbox import Sandbox
from sandbox.visitor import BANK, TIMEOUT, forms_of

_LINE = re.compile(
    r'name="invoice" value="(?P<id>[^"]+)"(?:(?!name="invoice").)*?'
    r'class="amount">(?P<amount>[^<]+)<',
    re.DOTALL,
)
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)
_LEAD = re.compile(r'<p class="lead[^"]*"[^>]*>(.*?)</p>', re.DOTALL)
_SUM = re.compile(r'class="line sum">.*?class="amount">([^<]+)<', re.DOTALL)
_TAGS = re.compile(r"<[^>]+>")
SCANNERS = ("Mozilla/5.0 (compatible; SafeLinks)", "BarracudaURLScanner", "GoogleImageProxy")


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody read: amounts are the page's own words, by invoice."""

    status: int
    heading: str = ""
    lead: str = ""
    owed: dict[str, str] = field(default_factory=dict)
    total: str = ""  # where there is more than one


def read(answer: requests.Response) -> Shown:
    return Shown(
        answer.status_code,
        _words(_HEADING, answer.text),
        _words(_LEAD, answer.text),
        {one["id"]: html.unescape(one["amount"]) for one in _LINE.finditer(answer.text)},
        _words(_SUM, answer.text),
    )


def _words(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    return " ".join(html.unescape(_TAGS.sub("", found[1])).split()) if found else ""


@dataclass
class Tab:
    """One tab of one browser: what it shows, what is ticked, and how far its holder got."""

    sandbox: Sandbox
    stripe_url: str
    link: str
    number: str = ""  # the card typed into it
    ticked: set[str] = field(default_factory=set)
    shown: Shown = field(default_factory=lambda: Shown(0))
    label: str = ""  # what the pay button says
    setup_intent: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)  # what each press of the button came to
    session: requests.Session = field(default_factory=requests.Session)
    _fields: list[tuple[str, str]] = field(default_factory=list)
    _secret: str = ""  # of a payment that the bank asks about

    def open(self) -> Shown:
        """Load the page, with everything ticked that it ticks."""
        answer = self.session.get(self.link, timeout=TIMEOUT)
        self.shown = read(answer)
        self.ticked = set(self.shown.owed)
        forms = [form for form in forms_of(answer.text) if form.action.endswith("/checkout")]
        self._fields = [pair for form in forms for pair in form.fields if pair[0] != "invoice"]
        return self.shown

    @property
    def offers_a_form(self) -> bool:
        return bool(self._fields)

    def enter(self, number: str) -> bool:
        """Press "Enter a new card", type it in, confirm it with Stripe. False where that fails."""
        self.number = number
        chosen = [("invoice", one) for one in self.shown.owed if one in self.ticked]
        started = self._ask("start", [*self._fields, *chosen])
        if started.status_code != 200:
            return False
        self.keys = started.json()
        self.label, self.setup_intent = self.keys["label"], self.keys["setup_intent"]
        card = {"number": number, "exp_month": "11", "exp_year": "2031", "cvc": "314"}
        typed = {f"payment_method_data[card][{name}]": value for name, value in card.items()}
        secret = self.keys["client_secret"]
        path = f"/v1/setup_intents/{self.setup_intent}/confirm"
        confirmed = self._stripe(path, secret, {"payment_method_data[type]": "card", **typed})
        if confirmed.json().get("status") == "requires_action":
            confirmed = self._stripe(BANK, secret, {"outcome": "success"})
        return confirmed.ok

    def press(self) -> str:
        """Press "Save card and pay"; what the page says came of it, "" where it got no answer."""
        state = self._state("finish")
        self.states.append(state)
        return state

    def pass_bank(self, *, passed: bool = True) -> str:
        """Answer the bank, if it asks, and let the page look again."""
        if not self._secret:
            return ""
        intent = self._secret.partition("_secret_")[0]
        self._stripe(f"/v1/payment_intents/{intent}/confirm", self._secret, {})
        outcome = "success" if passed else "failure"
        self._stripe(BANK, self._secret, {"outcome": outcome})
        return self._state("settle")

    def come_back(self) -> Shown:
        """Reload what Stripe sent the browser back to: the page without the script."""
        back = f"{self.link}/return?setup_intent={self.setup_intent}"
        return read(self.session.get(back, timeout=TIMEOUT))

    def _state(self, press: str) -> str:
        answer = self._ask(press, [*self._fields, ("setup_intent", self.setup_intent)])
        if not answer.headers.get("Content-Type", "").startswith("application/json"):
            return f"error {answer.status_code}"
        self._secret = answer.json().get("client_secret", "")
        return str(answer.json().get("state", ""))

    def _ask(self, press: str, fields: list[tuple[str, str]]) -> requests.Response:
        headers = {"Referer": self.link, "Accept": "application/json"}
        return self.session.post(
            f"{self.link}/{press}", data=fields, headers=headers, timeout=TIMEOUT
        )

    def _stripe(self, path: str, secret: str, fields: dict[str, str]) -> requests.Response:
        whose = {"key": self.keys["publishable_key"], "client_secret": secret}
        if self.keys.get("stripe_account"):
            whose["_stripe_account"] = self.keys["stripe_account"]
        return self.session.post(self.stripe_url + path, data=whose | fields, timeout=TIMEOUT)


def scan(links: Iterable[str]) -> list[int]:
    """What filters in front of a mailbox do: open every link, by HEAD and by GET. The answers."""
    answers = []
    for number, link in enumerate(links):
        agent = {"User-Agent": SCANNERS[number % len(SCANNERS)], "Connection": "close"}
        for method in ("HEAD", "GET"):
            with requests.request(method, link, headers=agent, timeout=TIMEOUT) as answer:
                answers.append(answer.status_code)
    return answers
