"""Every setting of an account: its name, what it does, which values it takes.

The pages, the commands, the audit log and the tests all read this one list. A setting is named
after its column of `Account`; its effect is implemented where that column is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from emails.brand import DEFAULT_COLOR
from recover.accounts.settings.field_types import (
    Choice,
    Color,
    Hour,
    Kind,
    MailAddress,
    MailAddresses,
    Option,
    Share,
    Toggle,
    Value,
    WebAddress,
    WholeNumber,
    Zone,
)
from recover.dunning import Campaign, EndOfDunning, Leavers, RetryMode, TimingKind
from recover.dunning.network_rules import CEILING


class TestMail(StrEnum):
    """Who gets an account's mails in test mode."""

    EVERYONE = "everyone"
    TEAM = "team"  # the company's own people alone


@dataclass(frozen=True, slots=True)
class AccountSetting:
    name: str
    title: str
    about: str  # beside the field: what it does, and to whom
    kind: Kind
    default: Value
    replans: bool = False  # open cases are looked at again when it changes


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """Settings that are shown, and saved, together."""

    key: str
    title: str
    about: str
    settings: tuple[AccountSetting, ...]


# Unformatted: a table, in which each setting is a paragraph. The formatter would give every word
# a line of its own.
BRAND = SettingsPage(
    "brand",
    "Brand",
    "What subscribers see on the card page and in mails.",
    (
        AccountSetting(
            "name", "Company name", "As your subscribers know you. Mails are signed with it.",
            Kind(longest=120, required=True), "",
        ),
        AccountSetting(
            "color", "Colour", "Of the button in mails and on the card page. The text on it is"
            " white or near black, whichever is easier to read.",
            Color(), DEFAULT_COLOR,
        ),
        AccountSetting(
            "logo_url", "Logo address", "An https address of a PNG or JPEG, at least 80 pixels"
            " high. Shown 40 pixels high; left empty, your name stands there.",
            WebAddress(), "",
        ),
        AccountSetting(
            "website_url", "Website", "Where subscribers log in. Every mail offers it as the way"
            " around the button, for readers who rightly distrust buttons in mails.",
            WebAddress(), "",
        ),
        AccountSetting(
            "support_email", "Support address", "Whom subscribers may ask. Shown on the card page"
            " and in every mail.",
            MailAddress(), "",
        ),
        AccountSetting(
            "postal_address", "Postal address", "At the foot of every mail. Several countries ask"
            " for it.",
            Kind(longest=400, lines=3), "",
        ),
    ),
)  # fmt: skip

SENDING = SettingsPage(
    "sending",
    "Sending",
    "Whom mails come from, and when they may leave.",
    (
        AccountSetting(
            "sender_name", "Sender name", "The name in the inbox. Left empty, your company name.",
            Kind(longest=120), "",
        ),
        AccountSetting(
            "sender_email", "Sender address", "The SPF and DKIM records of its domain must let"
            " your mail server send for it, or mails land in spam. Left empty, the installation's"
            " own address.",
            MailAddress(), "",
        ),
        AccountSetting(
            "reply_to", "Reply-to address", "Where answers to these mails arrive. Left empty, the"
            " support address.",
            MailAddress(), "",
        ),
        AccountSetting(
            "timezone", "Time zone", "Of your company: for times on these pages, for mails to you,"
            " and for subscribers whose own zone is not known.",
            Zone(), "UTC", replans=True,
        ),
        AccountSetting(
            "send_from_hour", "Mails leave from", "By the subscriber's clock. A mail that falls"
            " due in quiet hours waits for the morning. Thanks for a payment and links somebody"
            " has just asked for are not held back.",
            Hour(low=0, high=23), None, replans=True,
        ),
        AccountSetting(
            "send_until_hour", "Mails leave until", "From this hour on mails wait. 24:00 means"
            " up to midnight.",
            Hour(low=1, high=24), None, replans=True,
        ),
        AccountSetting(
            "messages_per_week", "Mails a week", "At most so many to one subscriber in any seven"
            " days, over all their invoices.",
            WholeNumber(low=1, high=7, unit="a week"), None, replans=True,
        ),
        AccountSetting(
            "message_gap_hours", "Hours between mails", "At least so long between two mails to one"
            " subscriber.",
            WholeNumber(low=1, high=168, unit="hours"), None, replans=True,
        ),
    ),
)  # fmt: skip

RETRIES = SettingsPage(
    "retries",
    "Retries",
    "Who charges a failed invoice again, when, and how often.",
    (
        AccountSetting(
            "mode", "Who retries", "Every open case is planned anew at once.",
            Choice(options=(
                Option(RetryMode.OBSERVE, "Observe", "Nothing is charged or sent. The pages show"
                       " what would have been done."),
                Option(RetryMode.STRIPE, "Stripe retries", "Stripe's own retries stay on. Recover"
                       " writes to subscribers, and charges at once when a card is replaced."),
                Option(RetryMode.RECOVER, "Recover retries", "Recover charges and writes. Turn"
                       " Stripe's own retries and failed-payment mails off, or subscribers hear"
                       " twice."),
            )),
            RetryMode.OBSERVE, replans=True,
        ),
        AccountSetting(
            "timing", "When", "Used only while Recover retries or observes.",
            Choice(options=(
                Option(TimingKind.ENGINE, "Retry engine", "Chooses the moment with the best"
                       " chance, and learns every night from what came of it."),
                Option(TimingKind.FIXED, "Fixed days", "1, 3, 7, 13 and 20 days after the first"
                       " failure."),
            )),
            TimingKind.ENGINE, replans=True,
        ),
        AccountSetting(
            "max_retries", "Retries at most", "Scheduled retries of one invoice, after the first"
            " charge. The card networks' own caps hold on top of it.",
            WholeNumber(low=0, high=CEILING, unit="retries"), None, replans=True,
        ),
        AccountSetting(
            "min_gap_hours", "Hours between attempts", "At least so long between two attempts on"
            " one card, Stripe's included.",
            WholeNumber(low=1, high=168, unit="hours"), None, replans=True,
        ),
        AccountSetting(
            "explore", "To learn from", "The share of retries made at a random allowed hour, in"
            " percent: what is never tried is never learned. 0 switches it off.",
            Share(high=0.3), 0.05, replans=True,
        ),
        AccountSetting(
            "leavers", "Who leaves", "Somebody whose subscription is set to end, or who told the"
            " bank to stop these payments, and who still owes an invoice.",
            Choice(options=(
                Option(Leavers.LEAVE_ALONE, "Leave alone", "Neither charged nor written to. The"
                       " invoice stays payable by every link they have."),
                Option(Leavers.ONE_MAIL, "One mail", "Written to once, and never charged unless"
                       " they ask for it."),
                Option(Leavers.AS_USUAL, "As everybody", "Charged and written to like anybody"
                       " else, as far as the bank allows."),
            )),
            Leavers.LEAVE_ALONE, replans=True,
        ),
    ),
)  # fmt: skip

ENDING = SettingsPage(
    "ending",
    "End of dunning",
    "What happens on Stripe when all retries are used.",
    (
        AccountSetting(
            "end_of_dunning", "When a case is exhausted", "Done once for each case that ends from"
            " now on, never for those that ended before, and only if Stripe still shows the"
            " invoice unpaid at that moment. In observe mode it is only noted.",
            Choice(options=(
                Option(EndOfDunning.LEAVE, "Leave everything as it is", "The invoice stays open"
                       " and the subscription goes on. Customers may still pay by their link; you"
                       " decide about access."),
                Option(EndOfDunning.CANCEL, "Cancel the subscription", "At once, and Stripe cannot"
                       " bring it back: who wants to stay must subscribe again. The invoice stays"
                       " open on Stripe, but the card page takes no money for it any more. Not"
                       " done while a newer invoice of the subscription is paid."),
                Option(EndOfDunning.UNCOLLECTIBLE, "Mark the invoice uncollectible", "Written off"
                       " as bad debt in Stripe's reports; Stripe cannot open it again. The"
                       " subscription goes on, and renews. Customers can still pay on Stripe's"
                       " invoice page, and the case is then recovered; the card page takes no"
                       " money for it any more."),
            )),
            EndOfDunning.LEAVE,
        ),
    ),
)  # fmt: skip

NOTIFICATIONS = SettingsPage(
    "notifications",
    "Notifications",
    "Which mails your own people get.",
    (
        AccountSetting(
            "notify_to", "Who is written to", "One address a line. Left empty, the owners. The"
            " mails name customers: choose who may know.",
            MailAddresses(longest=2000, lines=4), "",
        ),
        AccountSetting(
            "notify_trouble", "Trouble with the key", "At once when Stripe refuses our key or the"
            " account is disconnected, then once a day while it lasts. Nothing is collected"
            " meanwhile.",
            Toggle(), default=True,
        ),
        AccountSetting(
            "notify_parked", "Parked events", "When events from Stripe could not be handled after"
            " five attempts and wait for somebody to look; at most once a day.",
            Toggle(), default=True,
        ),
        AccountSetting("notify_disputes", "Disputes, fraud warnings", "Whom Recover leaves"
            " alone for one until somebody looks; at most once a day.", Toggle(), default=True),
        AccountSetting(
            "notify_exhausted", "Cases exhausted", "One mail in the morning that lists the cases"
            " whose retries were used up since the morning before. None without any.",
            Toggle(), default=False,
        ),
        AccountSetting(
            "notify_weekly", "Weekly summary", "On Monday morning: won back by source, given back,"
            " lost and at risk. None after a week in which nothing happened.",
            Toggle(), default=True,
        ),
    ),
)  # fmt: skip

PAGES = (BRAND, SENDING, RETRIES, ENDING, NOTIFICATIONS)
SETTINGS = {one.name: one for page in PAGES for one in page.settings}


def contradictions(values: Mapping[str, Value], steps: Campaign) -> dict[str, str]:
    """What is wrong with settings that are each well formed, by name. ``steps``: the campaign."""
    opens, closes = values.get("send_from_hour"), values.get("send_until_hour")
    opens = steps.send_from_hour if opens is None else opens
    closes = steps.send_until_hour if closes is None else closes
    if int(opens or 0) >= int(closes or 0):
        return {"send_until_hour": f"must be later than {opens:02}:00, or no mail could ever leave"}
    return {}


def warning_before_change(name: str, value: Value) -> str:
    """What to warn of before a change that cannot be taken back; "" for most changes."""
    return _WARNINGS.get((name, value), "")


_WARNINGS: dict[tuple[str, Value], str] = {
    ("mode", RetryMode.RECOVER.value): "Open cases are planned at once: the first charges and mails"
    " may leave within minutes. What has left cannot be taken back.",
    ("mode", RetryMode.STRIPE.value): "Open cases are planned at once: the first mails may leave"
    " within minutes. What has left cannot be taken back.",
    ("end_of_dunning", EndOfDunning.CANCEL): "Subscriptions of exhausted cases are cancelled from"
    " now on. A cancelled subscription cannot be brought back.",
    ("end_of_dunning", EndOfDunning.UNCOLLECTIBLE): "Invoices of exhausted cases are written off"
    " from now on. Stripe cannot open such an invoice again.",
}
