"""Acts of the company: in Stripe's dashboard, and in ours."""

from __future__ import annotations

from collections.abc import Callable

import requests
from walker_acting import (
    MODES,
    NTH,
    SUB,
    WHO,
    Acting,
    act,
)
from walker_books import Deed

from sandbox import oddities
from sandbox.cardholder import read
from sandbox.visitor import forms_of


class CompanyActs(Acting):
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
