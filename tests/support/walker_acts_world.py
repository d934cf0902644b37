"""Acts of Stripe, issuers, the mail server, crashes and the clock."""

from __future__ import annotations

import dataclasses

from walker_acting import (
    AGAIN,
    CODES,
    NTH,
    PAUSES,
    SUB,
    TROUBLE,
    WHO,
    Acting,
    act,
)

from sandbox import oddities


class WorldActs(Acting):
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
