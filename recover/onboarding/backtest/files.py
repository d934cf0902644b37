"""What was read from Stripe, stored as JSON lines, so that a killed run can continue.

A line is one object; an incomplete last line is dropped. The files hold no names,
addresses or full card numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from recover.foundation.errors import PermanentError
from recover.stripe_api.objects import Charge, Invoice, InvoicePayment, PaymentMethod

Kind = TypeVar("Kind", Invoice, Charge)

END = {"end": True}
UNUSED = frozenset({"hosted_invoice_url", "description", "number"})


@dataclass(frozen=True, slots=True)
class Span:
    """The period that a reading covers. The first run fixes it; later runs continue it."""

    stripe_account_id: str
    since: datetime
    until: datetime


class Listing(Generic[Kind]):
    """The objects of one kind read so far, newest first. Can be iterated repeatedly."""

    def __init__(self, path: Path, kind: type[Kind]) -> None:
        self._path = path
        self._kind: type[Kind] = kind

    def __iter__(self) -> Iterator[Kind]:
        for json_ in self._lines():
            if json_ != END:
                yield _decode(self._kind, json_)

    @property
    def complete(self) -> bool:
        return any(json_ == END for json_ in self._lines())

    def extend(self, newer_first: Iterator[Kind]) -> Iterator[Kind]:
        """Append missing objects, yielding each once it is written; then mark the end."""
        self._drop_incomplete_line()
        known = {one.id for one in self}
        with self._path.open("a", encoding="utf-8") as file:
            for one in newer_first:
                if one.id in known:
                    continue
                known.add(one.id)
                file.write(json.dumps(_encode(one)) + "\n")
                yield one
            file.write(json.dumps(END) + "\n")

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    yield _parsed(line, self._path)

    def _drop_incomplete_line(self) -> None:
        """Remove an incomplete last line."""
        if self._path.exists():
            whole = self._path.read_bytes()
            with self._path.open("r+b") as file:
                file.truncate(whole.rfind(b"\n") + 1)


class HistoryFiles:
    """The directory of one account's history."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._about = directory / "span.json"
        self.invoices = Listing[Invoice](directory / "invoices.jsonl", Invoice)
        self.charges = Listing[Charge](directory / "charges.jsonl", Charge)

    def span(self, wanted: Span) -> Span:
        """The span of the reading in this directory; a new directory takes ``wanted``.

        Raises PermanentError if the directory belongs to another account.
        """
        if not self._about.exists():
            period = {"since": wanted.since.isoformat(), "until": wanted.until.isoformat()}
            draft = self._about.with_suffix(".new")
            draft.write_text(json.dumps({"account": wanted.stripe_account_id, **period}), "utf-8")
            draft.replace(self._about)
        json_ = _parsed(self._about.read_text("utf-8"), self._about)
        try:
            since, until = (datetime.fromisoformat(json_[end]) for end in ("since", "until"))
            found = Span(json_["account"], since, until)
        except (KeyError, TypeError, ValueError):
            raise _damaged_error(self._about) from None
        if found.stripe_account_id != wanted.stripe_account_id:
            raise PermanentError(f"{self._about.parent} holds {found.stripe_account_id}'s history.")
        return found

    def forget(self) -> None:
        """Delete everything, so that the next run begins anew."""
        for name in ("invoices.jsonl", "charges.jsonl", "span.json"):
            (self._about.parent / name).unlink(missing_ok=True)


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _damaged_error(path)
    return found


def _damaged_error(path: Path) -> PermanentError:
    return PermanentError(f"{path} is damaged: run again with --fresh to read everything anew.")


Made = TypeVar("Made")
# The fields that hold values of their own, or a list of such.
PARTS: dict[str, type[Any]] = {
    "method": PaymentMethod,
    "default_method": PaymentMethod,
    "default_source": PaymentMethod,
    "payments": InvoicePayment,
}


def _encode(one: Any) -> dict[str, Any]:
    """An object's fields as JSON, without those at their defaults; times in ISO 8601."""
    found: dict[str, Any] = {}
    for field in fields(one):
        value = getattr(one, field.name)
        if value == field.default or field.name in UNUSED:
            continue
        found[field.name] = _value(value)
    return found


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_value(one) for one in value]
    return _encode(value) if is_dataclass(value) else value


def _decode(kind: type[Made], json_: dict[str, Any]) -> Made:
    values = dict(json_)
    for name, value in json_.items():
        if name.endswith("_at") and value is not None:
            values[name] = datetime.fromisoformat(value)
        elif name in PARTS and isinstance(value, dict):
            values[name] = _decode(PARTS[name], value)
        elif isinstance(value, list):
            part = PARTS.get(name)
            values[name] = tuple(_decode(part, one) if part else one for one in value)
    return kind(**values)
