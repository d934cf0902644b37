"""What anybody may do in a walk. An act that is not possible at the moment does nothing.

An act is a line of plain words, such as ``replace 0 good``; a walk is a text of such lines. So a
walk that found something is kept by copying it. `ACTS` says which words each act takes.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urljoin

import requests
from walker_books import Deed, minor, row_of
from walker_stage import WalkJourney

from sandbox import oddities
from sandbox.cardholder import Tab, read, scan
from sandbox.state import Obj
from sandbox.visitor import forms_of

EXPIRED = 410

WHO, SUB, NTH = ("0", "1", "2"), ("0", "1"), ("1", "2", "3", "4", "6", "8", "11")
CARDS = ("good", "declines", "asks", "refused")
NUMBERS = {
    "declines": "4000000000000341",
    "asks": "4000002760003184",
    "refused": "4000000000000002",
}
CODES = (
    "insufficient_funds",
    "generic_decline",
    "expired_card",
    "lost_card",
    "authentication_required",
    "processing_error",
    "highest_risk_level",
    "revocation_of_authorization",
)
AGAIN = ("0", "1", "3", "8")  # further declines before the card works again
MODES = ("recover", "stripe", "observe")
PAUSES = ("pause_requested", "first_payment_failure", "final_payment_failure")
TROUBLE = ("rate_limit_next", "outage", "lock_next", "drop_response_after_execution")
PEOPLE = (
    ("Ada Example", "ada@example.test", (2900, 5000)),
    ("Bo Example", "bo@example.test", (1900,)),
    ("Bo Example Ltd", "bo@example.test", (9900,)),  # the same reader, a second customer
)
LATE = timedelta(hours=7)
ACTS: dict[str, tuple[tuple[str, ...], ...]] = {}


def act(*words: tuple[str, ...]) -> Callable:
    def enter(function: Callable) -> Callable:
        ACTS[function.__name__] = words
        return function

    return enter


# What somebody must have for an act to mean something, so that few acts come to nothing.
MEANT_FOR = {
    **dict.fromkeys(("opens", "replaces", "replaces_without_script"), "link"),
    **dict.fromkeys(
        ("unticks", "enters", "presses", "presses_in_the_older_tab", "presses_twice_at_once"), "tab"
    ),
    **dict.fromkeys(
        ("refused", "stops_advancing", "invoice_gets_a_card", "is_paused", "gives_up"), "bill"
    ),
    **dict.fromkeys(("pays_on_stripes_page", "paid_elsewhere", "retries_now"), "bill"),
    **dict.fromkeys(("retries_now_twice", "retries_now_twice_at_once"), "bill"),
}


class Acts:
    def __init__(self, journey: WalkJourney) -> None:
        self.journey, self.sandbox = journey, journey.sandbox
        self.books, self.turnstile = journey.books_of_walk, journey.turnstile
        self.tabs: dict[str, list[tuple[Tab, str]]] = {who: [] for who in WHO}
        self.deeds: dict[str, Deed] = {}  # by setup intent
        self.scanned, self.late = 0, False
        self.customers: list[Obj] = []
        self.subs: list[list[Obj]] = []
        for name, email, amounts in PEOPLE:
            customer = self.sandbox.add_customer(email=email, name=name, timezone="UTC")
            self.customers.append(customer)
            self.subs.append([self.sandbox.add_subscription(customer, a) for a in amounts])
        self.ids = [customer["id"] for customer in self.customers]

    def do(self, line: str) -> None:
        name, *words = line.split()
        if name in MEANT_FOR:
            words[0] = self._somebody(words[0], MEANT_FOR[name])
        with contextlib.suppress(requests.ConnectionError):  # a page that never came
            getattr(self, name)(*words)
        if self.late:
            self.sandbox.webhooks.put_off(LATE)
        self.journey.settle()

    def _somebody(self, who: str, has: str) -> str:
        """They, or the next person to whom the act can mean something; they, if there is nobody."""
        others = [str((int(who) + step) % len(WHO)) for step in range(len(WHO))]
        wanted = {
            "link": lambda one: self._link(one)[0],
            "bill": self._invoice,
            "tab": self.tabs.get,
        }[has]
        return next((one for one in others if wanted(one)), who)

    # -- who and what ---------------------------------------------------------------------------

    def _sub(self, who: str, nth: str = "0") -> Obj:
        mine = self.subs[int(who)]
        return mine[int(nth) % len(mine)]

    def _alive(self, who: str, nth: str = "0") -> bool:
        return self._sub(who, nth)["status"] != "canceled"

    def _invoice(self, who: str) -> Obj | None:
        """The newest renewal of theirs that failed and is open."""
        failed = [one.invoice for one in self.sandbox.books.failed.values()]
        held = [self.sandbox.store.get(name) for name in failed]
        mine = [one for one in held if one["customer"] == self.ids[int(who)]]
        return next((one for one in reversed(mine) if one["status"] == "open"), None)

    def _link(self, who: str) -> tuple[str, str]:
        """(the newest link to the card page in their mail, its invoice's number)."""
        bills = {bill.number: bill for bill in self.books.bills().values()}
        for mail in reversed(self.journey.mails):
            number = row_of(mail, "Invoice")
            links = [link for link in mail.links if "/card/" in link]
            if links and number in bills and bills[number].customer == self.ids[int(who)]:
                return links[0], number
        return "", ""

    @contextmanager
    def _pressing(self, deed: Deed) -> Iterator[None]:
        start = len(self.books.tries)
        try:
            yield
        finally:
            deed.presses.append((start, len(self.books.tries)))

    # -- Stripe, issuers and time ---------------------------------------------------------------

    @act(("20",))
    def minutes(self, count: str) -> None:
        self.journey.run(minutes=int(count))

    @act(WHO, SUB, CODES, AGAIN)
    def renewal_fails(self, who: str, nth: str, code: str, again: str) -> None:
        sub = self._sub(who, nth)
        if sub["status"] in ("active", "past_due") and not sub["pause_collection"]:
            self.sandbox.fail_renewal(sub, code)
            method = sub["default_payment_method"] or sub["customer"]
            self.sandbox.script(method, ["insufficient_funds"] * int(again))

    @act(WHO, SUB)
    def renews(self, who: str, nth: str) -> None:
        if self._sub(who, nth)["status"] in ("active", "past_due"):
            self.sandbox.renew(self._sub(who, nth))

    @act(("1", "6", "13"))
    def hours(self, count: str) -> None:
        self.journey.run(hours=int(count))

    @act(("1", "3", "8"))
    def days(self, count: str) -> None:
        self.journey.run(days=int(count))

    @act()
    def stripe_retries_itself(self) -> None:
        world = self.sandbox.state.world
        billing = dataclasses.replace(world.billing, stripe_retries=(3, 5, 7))
        self.sandbox.state.world = dataclasses.replace(world, billing=billing)

    @act(("fine", "lost", "doubled", "shuffled", "late"))
    def webhooks(self, how: str) -> None:
        hooks, self.late = self.sandbox.webhooks, how == "late"
        hooks.lose = 0.7 if how == "lost" else 0.0
        hooks.duplicate = 3 if how == "doubled" else 1
        hooks.shuffle = how == "shuffled"

    @act(TROUBLE, ("1", "4", "30"))
    def trouble(self, kind: str, count: str) -> None:
        getattr(self.sandbox.faults, kind)(int(count))

    @act()
    def paying_is_down(self) -> None:
        """Of all that Stripe does, charging alone fails, until the trouble is over."""
        self.turnstile.refuse("/pay", "api_error", 500)

    @act()
    def trouble_is_over(self) -> None:
        self.sandbox.faults.clear()
        self.turnstile.refusals.clear()

    @act(WHO)
    def refused(self, who: str) -> None:
        """Stripe turns down every charge of this invoice, and not as a decline."""
        if invoice := self._invoice(who):
            self.books.broken.add(invoice["customer"])
            self.turnstile.refuse(f"POST /v1/invoices/{invoice['id']}/pay", "amount_too_small")

    @act(WHO)
    def long_texts(self, who: str) -> None:
        if "deleted" not in self.sandbox.store.get(self.ids[int(who)]):
            self.books.broken.add(self.ids[int(who)])
            oddities.lengthen(self.sandbox, self._sub(who))

    @act(WHO)
    def invoice_gets_a_card(self, who: str) -> None:
        if invoice := self._invoice(who):
            oddities.give_invoice_a_card(self.sandbox, invoice)

    @act(WHO)
    def stops_advancing(self, who: str) -> None:
        """The company takes the invoice out of automatic collection."""
        if invoice := self._invoice(who):
            oddities.stop_advancing(self.sandbox, invoice)

    @act(WHO, PAUSES)
    def is_paused(self, who: str, kind: str) -> None:
        if self._alive(who) and self._invoice(who):
            oddities.pause(self.sandbox, self._sub(who), kind)

    @act(NTH, ("before", "after"))
    def worker_dies(self, nth: str, when: str) -> None:
        """At the nth request that a worker makes from now on."""
        self.journey.deaths.arm(int(nth), after=when == "after")

    @act(NTH)
    def workers_run_meanwhile(self, nth: str) -> None:
        """While somebody waits for the nth answer from now on, webhooks come and workers work."""
        self.turnstile.meet(int(nth), self.journey.settle)

    @act(("421", "550", "451"), ("1", "3"))
    def mail_server_says(self, code: str, count: str) -> None:
        self.journey.mailbox.fail_next(int(code), int(count))

    @act(("kept", "gone"))
    def mail_server_hangs_up(self, how: str) -> None:
        self.journey.mailbox.hang_up_next(keep=how == "kept")

    # -- the subscriber -------------------------------------------------------------------------

    @act(WHO)
    def opens(self, who: str) -> None:
        link, number = self._link(who)
        if link:
            tab = Tab(self.sandbox, self.journey.stripe_url, link)
            self.books.note_page(tab.open(), self.ids[int(who)], number)
            self.tabs[who].append((tab, number))

    @act(WHO)
    def unticks(self, who: str) -> None:
        if self.tabs[who]:
            tab = self.tabs[who][-1][0]
            if len(tab.ticked) > 1:
                tab.ticked.discard(min(tab.ticked))

    @act(WHO, CARDS)
    def enters(self, who: str, card: str) -> None:
        """A card into the newest tab; the last button is not pressed yet."""
        if self.tabs[who] and self.tabs[who][-1][0].offers_a_form:
            tab = self.tabs[who][-1][0]
            number = NUMBERS.get(card) or self.sandbox.issue_card()
            if tab.enter(number):
                self.deeds[tab.setup_intent] = self._deed(who, tab)

    def _deed(self, who: str, tab: Tab) -> Deed:
        """What they agreed to with this tab, as it was shown to them."""
        shown = {one: minor(amount) for one, amount in tab.shown.owed.items()}
        fingerprint = self.sandbox.state.chance.token(16, "fingerprint", tab.number)
        deed = Deed(
            "page", self.ids[int(who)], self.journey.now, shown, set(tab.ticked), fingerprint
        )
        deed.label = tab.label
        self.books.deeds.append(deed)
        return deed

    @act(WHO)
    def presses(self, who: str) -> None:
        """ "Save card and pay" in the newest tab; again, if it was pressed already."""
        if self.tabs[who]:
            self._press(who, *self.tabs[who][-1])

    @act(WHO)
    def presses_in_the_older_tab(self, who: str) -> None:
        if len(self.tabs[who]) > 1:
            self._press(who, *self.tabs[who][-2])

    def _press(self, who: str, tab: Tab, number: str) -> None:
        if deed := self.deeds.get(tab.setup_intent):
            deed.saved = True
            with self._pressing(deed):
                tab.press()
                tab.pass_bank()
            self.books.note_page(tab.come_back(), self.ids[int(who)], number, deed)

    @act(WHO, NTH)
    def presses_twice_at_once(self, who: str, nth: str) -> None:
        """The second press meets the first while it waits for its nth answer from Stripe."""
        tab = self.tabs[who][-1][0] if self.tabs[who] else None
        if tab and tab.setup_intent in self.deeds:
            self.turnstile.meet(int(nth), tab.press)
            self.presses(who)
            self.turnstile.part()

    @act(WHO, CARDS)
    def replaces(self, who: str, card: str) -> None:
        """A whole visit, from the link to what came of it."""
        self.opens(who)
        self.enters(who, card)
        self.presses(who)

    @act(WHO, CARDS)
    def replaces_without_script(self, who: str, card: str) -> None:
        """By Stripe's hosted page and back."""
        self.opens(who)
        if self.tabs[who] and self.tabs[who][-1][0].offers_a_form:
            tab = self.tabs[who][-1][0]
            tab.number = NUMBERS.get(card) or self.sandbox.issue_card()
            deed = self._deed(who, tab)
            with self._pressing(deed):
                came = self.journey.visit(tab.link, tab.number, scripts=False)
            deed.saved = came.state == "saved"

    @act(WHO)
    def asks_for_a_link(self, who: str) -> None:
        """On the page of a link that is too old."""
        link, _ = self._link(who)
        if link and requests.get(link, timeout=30).status_code == EXPIRED:
            self.journey.ask_for_a_fresh_link(link)

    @act(WHO)
    def wants_mail_again(self, who: str) -> None:
        mine = [m for m in self.journey.mails if m.to[0] == PEOPLE[int(who)][1]]
        stop = [mail.header("List-Unsubscribe").strip("<>").split(">")[0] for mail in mine]
        if self.books.stopped and any(stop):
            with requests.Session() as browser:
                page = browser.post([link for link in stop if link][-1], timeout=30)
                for form in forms_of(page.text):
                    address = urljoin(page.url, form.action)
                    browser.post(
                        address, data=form.fields, headers={"Referer": page.url}, timeout=30
                    )
            self.books.stopped.discard(mine[-1].to[0])

    @act(WHO)
    def stops_mail(self, who: str) -> None:
        mine = [m for m in self.journey.mails if m.to[0] == PEOPLE[int(who)][1]]
        with_link = [mail for mail in mine if mail.header("List-Unsubscribe")]
        if with_link:
            self.journey.one_click(with_link[-1])
            self.books.stopped.add(with_link[-1].to[0])

    @act(WHO, SUB)
    def cancels(self, who: str, nth: str) -> None:
        if self._alive(who, nth):
            self.sandbox.cancel(self._sub(who, nth))

    @act(WHO, SUB)
    def leaves_at_period_end(self, who: str, nth: str) -> None:
        if self._alive(who, nth):
            oddities.cancel_at_period_end(self.sandbox, self._sub(who, nth))

    @act(WHO)
    def card_expires(self, who: str) -> None:
        """With the end of this month, and the next renewal is later."""
        if not self._invoice(who):  # else it would look like a new card
            oddities.let_cards_expire(self.sandbox, self.ids[int(who)])

    @act(WHO)
    def pays_on_stripes_page(self, who: str) -> None:
        if invoice := self._invoice(who):
            self.sandbox.pay_on_hosted_page(invoice["id"])

    @act(WHO)
    def disputes(self, who: str) -> None:
        paid = oddities.paid_charges(self.sandbox, self.ids[int(who)])
        if paid and not paid[-1]["disputed"] and not paid[-1]["refunded"]:
            oddities.dispute(self.sandbox, paid[-1])

    @act()
    def scanners(self) -> None:
        """Filters open every link that came since they last looked."""
        mails = self.journey.mails[self.scanned :]
        self.scanned = len(self.journey.mails)
        before = len(self.turnstile.asked)
        scan(link for mail in mails for link in mail.links if self.journey.home in link)
        caused = self.turnstile.asked[before:]
        self.books.scanners_did += [one.path for one in caused if one.method != "GET"]

    # -- the company ----------------------------------------------------------------------------

    @act(WHO)
    def paid_elsewhere(self, who: str) -> None:
        if invoice := self._invoice(who):
            self.journey.pay_elsewhere(invoice["id"])

    @act(WHO, ("void", "mark_uncollectible"))
    def gives_up(self, who: str, how: str) -> None:
        if invoice := self._invoice(who):
            self.journey.api("POST", f"/v1/invoices/{invoice['id']}/{how}")

    @act(WHO, SUB, ("void", "keep_as_draft"))
    def pauses(self, who: str, nth: str, behaviour: str) -> None:
        self._change(who, nth, {"pause_collection[behavior]": behaviour})

    @act(WHO, SUB)
    def resumes(self, who: str, nth: str) -> None:
        self._change(who, nth, {"pause_collection": ""})

    def _change(self, who: str, nth: str, fields: dict[str, str]) -> None:
        if self._alive(who, nth):
            path = f"/v1/subscriptions/{self._sub(who, nth)['id']}"
            self.journey.api("POST", path, **fields)

    @act(WHO)
    def refunds(self, who: str) -> None:
        oddities.refund_last(self.sandbox, self.ids[int(who)])

    @act(("won", "lost"))
    def bank_decides(self, verdict: str) -> None:
        for customer in self.ids:
            for one in oddities.open_disputes(self.sandbox, customer):
                oddities.decide_dispute(self.sandbox, one, won=verdict == "won")

    @act(WHO)
    def deletes_customer(self, who: str) -> None:
        if "deleted" not in self.sandbox.store.get(self.ids[int(who)]):
            self.journey.api("DELETE", f"/v1/customers/{self.ids[int(who)]}")

    @act(WHO)
    def corrects_address(self, who: str) -> None:
        if "deleted" not in self.sandbox.store.get(self.ids[int(who)]):
            path = f"/v1/customers/{self.ids[int(who)]}"
            address = f"new{who}@example.test"
            self.journey.api("POST", path, email=address)
            self.books.corrected.setdefault(address, self.journey.now)

    @act(WHO)
    def card_in_stripes_portal(self, who: str) -> None:
        if "deleted" not in self.sandbox.store.get(self.ids[int(who)]):
            self.journey.replace_card(self.ids[int(who)])

    @act(MODES)
    def mode(self, mode: str) -> None:
        self.books.observing.append((len(self.books.tries), mode == "observe"))
        self.journey.switch(mode)

    @act(WHO)
    def retries_now(self, who: str) -> None:
        self._press_retry(who, [lambda send: send()])

    @act(WHO)
    def retries_now_twice(self, who: str) -> None:
        """One form, sent twice by an impatient finger."""
        self._press_retry(who, [lambda send: send()] * 2)

    @act(WHO, NTH)
    def retries_now_twice_at_once(self, who: str, nth: str) -> None:
        def meeting(send: Callable) -> None:
            self.turnstile.meet(int(nth), send)
            send()
            self.turnstile.part()

        self._press_retry(who, [meeting])

    def _press_retry(self, who: str, ways: list[Callable]) -> None:
        invoice = self._invoice(who)
        found = invoice and self.books.rows(
            "SELECT id FROM cases WHERE stripe_invoice_id = :invoice", invoice=invoice["id"]
        )
        if not found:
            return
        browser, page = self.journey.founder(), f"{self.journey.home}/cases/{found[0][0]}/retry"
        shown = browser.get(page, timeout=30)
        [form] = [one for one in forms_of(shown.text) if one.action.endswith("/retry")] or [None]
        if form is None:
            return
        deed = Deed("retry", self.ids[int(who)], self.journey.now, agreed={invoice["id"]})
        self.books.deeds.append(deed)

        def send() -> requests.Response:
            answer = browser.post(page, data=form.fields, headers={"Referer": page}, timeout=30)
            self.books.note_page(read(answer), self.ids[int(who)])
            return answer

        with self._pressing(deed):
            for way in ways:
                way(send)
