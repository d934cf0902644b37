"""Acts of subscribers: in front of the card page, in their mail, at their bank and at Stripe."""

from __future__ import annotations

from urllib.parse import urljoin

import requests
from walker_acting import (
    CARDS,
    NTH,
    NUMBERS,
    PEOPLE,
    SUB,
    WHO,
    Acting,
    act,
)
from walker_books import Deed, minor

from sandbox import oddities
from sandbox.cardholder import Tab, scan
from sandbox.visitor import forms_of

EXPIRED = 410


class SubscriberActs(Acting):
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
