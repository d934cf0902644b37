"""One page of settings as a form: what is typed, its faults, and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from emails.brand import Brand, contrast
from recover.accounts.settings import catalogue, changes
from recover.accounts.settings.catalogue import AccountSetting, SettingsPage
from recover.accounts.settings.field_types import Value
from recover.dunning import campaign
from recover.models import Account

READABLE = 4.5  # the contrast that WCAG asks of small text


@dataclass(slots=True)
class Field:
    """One setting on the page."""

    setting: AccountSetting
    typed: str
    hint: str = ""  # what an empty field amounts to, or what the value looks like
    fault: str = ""  # a clause
    now: str = ""  # what is in force, where somebody else changed it meanwhile

    @property
    def id(self) -> str:
        return f"setting-{self.setting.name}"

    @property
    def complaint(self) -> str:
        """The fault as a sentence that can stand alone."""
        return f"{self.setting.title} {self.fault}." if self.fault else ""

    @property
    def described_by(self) -> str:
        parts = {"about": True, "hint": self.hint, "fault": self.fault, "now": self.now}
        return " ".join(f"{self.id}-{part}" for part, there in parts.items() if there)


@dataclass(slots=True)
class Form:
    page: SettingsPage
    fields: list[Field]
    seen: str  # see `changes.fingerprint_of`
    values: dict[str, Value]  # of the fields without a fault
    warnings: list[str] = field(default_factory=list)  # to be read before it is saved

    @property
    def complaints(self) -> list[tuple[str, str]]:
        """The fault of each field that has one, with the field's id."""
        return [(one.id, one.complaint) for one in self.fields if one.fault]

    @property
    def sure(self) -> str:
        """What a person confirms who saves in spite of the warnings: these values, no others."""
        wary = {k: v for k, v in self.values.items() if catalogue.warning_before_change(k, v)}
        return " ".join(f"{name}={value}" for name, value in wary.items())

    def blame(self, faults: Mapping[str, str]) -> None:
        for one in self.fields:
            one.fault = faults.get(one.setting.name, one.fault)


def shown(page: SettingsPage, account: Account, hints: Mapping[str, str]) -> Form:
    """The form with what is in force."""
    typed = {one.name: one.kind.show(getattr(account, one.name)) for one in page.settings}
    return read(page, account, hints, typed, seen="")


def read(
    page: SettingsPage,
    account: Account,
    hints: Mapping[str, str],
    typed: Mapping[str, str],
    seen: str,
) -> Form:
    """The form as somebody filled it in. A field left as it was is not judged again."""
    names = [one.name for one in page.settings]
    form = Form(page, [], seen or changes.fingerprint_of(account, names), {})
    for one in page.settings:
        text = typed.get(one.name, "").replace("\r\n", "\n")
        made = Field(one, text, hint=hints.get(one.name, ""))
        form.fields.append(made)
        try:
            current = getattr(account, one.name)
            same = text == one.kind.show(current)
            form.values[one.name] = current if same else one.kind.read(text)
        except ValueError as error:
            made.fault = str(error)
    changed = {k: v for k, v in form.values.items() if v != getattr(account, k)}
    form.blame(changes.faults_of(account, changed))
    form.warnings = [
        text for k, v in changed.items() if (text := catalogue.warning_before_change(k, v))
    ]
    return form


def compare(form: Form, account: Account) -> None:
    """After somebody else's change: show what is in force beside each field that differs."""
    for one in form.fields:
        kind, current = one.setting.kind, getattr(account, one.setting.name)
        if form.values.get(one.setting.name, ...) != current:
            one.now = kind.words(current)
    form.seen = changes.fingerprint_of(account, [one.setting.name for one in form.fields])


def hints(account: Account, owners: list[str], mail_from: str) -> dict[str, str]:
    """What an empty field amounts to, by the setting's name."""
    steps = campaign(account.campaign_key, account.campaign_version)
    by_campaign = {
        "max_retries": str(steps.max_retries),
        "min_gap_hours": f"{steps.min_gap.total_seconds() / 3600:.0f}",
        "message_gap_hours": f"{steps.message_gap.total_seconds() / 3600:.0f}",
        "messages_per_week": str(steps.messages_per_week),
        "send_from_hour": f"{steps.send_from_hour:02}:00",
        "send_until_hour": f"{steps.send_until_hour:02}:00",
    }
    found = {
        name: f"Left empty: {value}, as the campaign says." for name, value in by_campaign.items()
    }
    found["sender_email"] = f"Left empty: {mail_from}."
    found["notify_to"] = f"Left empty: {', '.join(owners) or 'nobody, as there is no owner'}."
    return found


def color_hint(color: str) -> str:
    """How well the text on a button of this colour can be read."""
    try:
        brand = Brand("-", color=color)
    except ValueError:
        return ""
    ratio, ink = contrast(brand.ink, color), "white" if brand.ink == "#ffffff" else "near black"
    text = f"Text on it is {ink}; the contrast is {ratio:.1f} to 1."
    if ratio >= READABLE:
        return text
    return f"{text} Small text asks for {READABLE} to 1: a darker or lighter colour reads better."
