"""What was said in mails and on the card page, held against the world. Imports nothing of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from walker_books import (
    GONE,
    Arrived,
    Bill,
    Read,
    Violation,
    WalkBooks,
    machine_tries,
    minor,
    row_of,
)

TRUTHFUL = "truthful"  # nothing is said that the world contradicts
WELCOME = "welcome"  # no mail to who stopped it, will not be charged, or has nothing to do
ASKS = re.compile(r"collect|Before it accepts your payment", re.IGNORECASE)
EXPIRES = "expires soon"
THANKS, FRESH, LAST = "Thank you:", "Your new link", "Last email about"
GAP = timedelta(hours=12)


def said_in_mails(books: WalkBooks, after: int) -> Iterator[Violation]:
    for one in books.arrived(after):
        subject, bill = one.mail.subject, _bill_of(one)
        about = f'"{subject}" to {one.mail.to[0]}'
        if bill is None:
            continue
        amount = minor(row_of(one.mail, "Amount"))
        if subject.startswith(THANKS):
            if bill.status != "paid" or bill.came_in != amount:
                came = f"{bill.came_in} came in, it is {bill.status}"
                yield Violation(TRUTHFUL, f"{about}: thanks for {amount}, {came}")
        elif ASKS.search(one.mail.text) and (bill.status != "open" or bill.remaining != amount):
            owed = f"{bill.remaining} is owed, it is {bill.status}"
            yield Violation(TRUTHFUL, f"{about}: asks for {amount}, {owed}")


def unwelcome_mails(books: WalkBooks, after: int) -> Iterator[Violation]:
    for one in books.arrived(after):
        subject, bill = one.mail.subject, _bill_of(one)
        about = f'"{subject}" to {one.mail.to[0]}'
        if subject.startswith(FRESH):
            continue
        if one.mail.to[0] in one.stopped:
            yield Violation(WELCOME, f"{about}, who wanted no more mail")
        if EXPIRES in subject and one.mail.to[0] not in one.charged_soon:
            yield Violation(WELCOME, f"{about}, whose card will not be charged")
        if bill and not subject.startswith(THANKS):
            if why := _why_not(bill):
                yield Violation(WELCOME, f"{about}: {why}")
            elif one.mail.to[0] != bill.email:
                yield Violation(WELCOME, f"{about}: their address is {bill.email}")


def broken_promises(books: WalkBooks) -> Iterator[Violation]:
    """A last mail is the last, no try means none, and nobody is asked twice in one day."""
    asked: dict[str, Arrived] = {}
    for one in books.arrived():
        number = row_of(one.mail, "Invoice")
        if one.mail.subject.startswith((THANKS, FRESH)) or not number:
            continue
        earlier = asked.get(number)
        if earlier and one.mail.received_at - earlier.mail.received_at < GAP:
            yield Violation(WELCOME, f"{number} was written about twice within {GAP}")
        if earlier and earlier.mail.subject.startswith(LAST):
            yield Violation(TRUTHFUL, f'{number}: "{one.mail.subject}" after the last mail')
        asked[number] = one


def _bill_of(one: Arrived) -> Bill | None:
    return one.bills.get(row_of(one.mail, "Invoice"))


def _why_not(bill: Bill) -> str:
    """Why its owner has nothing to do, or will not be charged; "" where there is something."""
    if bill.status != "open":
        return f"the invoice is {bill.status}"
    if bill.subscription_status in GONE:
        return "the subscription has ended"
    if bill.paused:
        return "collection is paused"
    if not bill.email:
        return "the customer is deleted"
    if bill.leaving:
        return "they leave with the end of the period"
    return "they dispute a payment" if bill.disputed else ""


def said_on_pages(books: WalkBooks, read: Iterable[Read]) -> Iterator[Violation]:
    for one in read:
        if one.page.status >= 500 and one.page.status != 503:
            yield Violation(TRUTHFUL, f"the page answered {one.page.status}")
        yield from _amounts(one)
        yield from _claims(one)
        yield from _what_came_of_it(books, one)


def _amounts(one: Read) -> Iterator[Violation]:
    for invoice, amount in one.page.owed.items():
        bill = one.bills.get(invoice)
        if bill and (bill.status != "open" or bill.remaining != minor(amount)):
            owed = f"{bill.remaining} is owed, it is {bill.status}"
            yield Violation(TRUTHFUL, f"the page asks {amount} for {bill.number}; {owed}")
    if one.page.total and minor(one.page.total) != sum(map(minor, one.page.owed.values())):
        yield Violation(TRUTHFUL, f"the page adds {one.page.owed} up to {one.page.total}")


def _claims(one: Read) -> Iterator[Violation]:
    lead, theirs = one.page.lead, [b for b in one.bills.values() if b.customer == one.customer]
    owing = [bill.number for bill in theirs if bill.collectable]
    if owing and lead.startswith(("Nothing is owed today", "There is nothing left to pay here")):
        yield Violation(TRUTHFUL, f'the page says "{lead}", and {owing} are owed')
    paid = {bill.number: bill.status == "paid" and bill.came_in > 0 for bill in theirs}
    if lead.startswith("This payment has been made") and not paid.get(one.link_bill, True):
        yield Violation(TRUTHFUL, f"the page says {one.link_bill} was paid; no money came in")


def _what_came_of_it(books: WalkBooks, one: Read) -> Iterator[Violation]:
    if one.deed is None:
        return
    made = [t for n, t in machine_tries(books.tries) if one.deed.covers(n)]
    took = [t.invoice for t in made if t.approved]
    heading, agreed = one.page.heading, [one.bills[i] for i in one.deed.agreed if i in one.bills]
    if heading.startswith("All settled") and any(bill.status != "paid" for bill in agreed):
        unpaid = [bill.number for bill in agreed if bill.status != "paid"]
        yield Violation(TRUTHFUL, f'"{heading}", and {unpaid} are not paid')
    if "Nothing was charged" in one.page.lead and took:
        yield Violation(TRUTHFUL, f'"{one.page.lead}", and {took} were charged')
    if "go through" in heading and agreed and all(bill.came_in for bill in agreed):
        yield Violation(TRUTHFUL, f'"{heading}", and all of it came in')
