"""Mails from templates: MJML makes HTML that every mail client can show, Jinja fills in values.

A mail is a folder of `templates/`: ``subject.txt``, ``preview.txt`` (what an inbox shows beside the
subject), ``why.txt`` (why the reader gets it), ``body.txt`` and ``body.mjml``. The MJML is put
together, compiled and parsed by Jinja once per process; Jinja's placeholders pass through the
compiler untouched. In MJML a condition that wraps whole elements sits in ``mj-raw``; inside text it
may stand as it is. Keep ``<`` out of placeholders: MJML reads it as the start of an element.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    select_autoescape,
)
from mjml import mjml2html

from emails.brand import Brand
from emails.reader_format import one_line

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE = "en"  # what the mails are written in, for screen readers and translators

_LINE_LENGTH = 76
_SIGNATURE = "-- "  # mail programs set off what follows; the blank belongs to it
_INCLUDE = re.compile(r'<mj-include path="([a-z0-9_/.]+)" />')


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished mail. ``subject`` is one line; ``text`` and ``html`` say the same."""

    subject: str
    text: str
    html: str


class TemplateBroken(Exception):
    """A template cannot be compiled: a fault in the product, never in the data."""


def render(name: str, context: Mapping[str, object], brand: Brand) -> Rendered:
    """The mail ``name`` for one reader.

    Raises TemplateBroken for a template that does not compile, and jinja2.UndefinedError where
    ``context`` lacks a value the template uses.
    """
    values = {**context, "brand": brand, "lang": LANGUAGE}
    for part in ("subject", "preview", "why"):
        values[part] = one_line(_text_template(f"{name}/{part}.txt").render(values))
    return Rendered(
        subject=str(values["subject"]),
        text=_tidy(_text_template(f"{name}/body.txt").render(values)),
        html=_html_template(name).render(values),
    )


def template_names() -> list[str]:
    """Every mail there is, by its folder's name."""
    return sorted(path.parent.name for path in TEMPLATES.glob("*/body.mjml"))


@cache
def _environment() -> Environment:
    """HTML is escaped, plain text is not; a missing value is an error in both."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(
            enabled_extensions=("mjml",), default=False, default_for_string=True
        ),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _text_template(path: str) -> Template:
    try:
        return _environment().get_template(path)
    except TemplateError as error:
        raise TemplateBroken(f"email template {path}: {error}") from error


@cache
def _html_template(name: str) -> Template:
    try:
        return _environment().from_string(_compile(_compose("shared/layout.mjml", name)))
    except (TemplateError, ValueError, OSError) as error:
        raise TemplateBroken(f"email template {name}/body.mjml: {error}") from error


def _compose(path: str, name: str) -> str:
    """The MJML at ``path`` with its includes; "body" stands for the mail's own part.

    MJML's own include loader cannot nest, and reports faults by positions inside the part.
    """
    source = (TEMPLATES / path).read_text(encoding="utf-8")

    def included(match: re.Match[str]) -> str:
        wanted = match[1]
        return _compose(f"{name}/body.mjml" if wanted == "body" else wanted, name)

    return _INCLUDE.sub(included, source)


def _compile(source: str) -> str:
    html = str(mjml2html(source, fonts={}))
    # The compiler hands elements it does not know straight through, unseen until a mail arrives.
    if unknown := re.search(r"<(mj-[a-z-]+)", html):
        raise ValueError(f"unknown element {unknown[1]}")
    return html


def _tidy(text: str) -> str:
    """Lines of at most 76 characters, links whole; at most one empty line in a row."""
    lines = [line if line == _SIGNATURE else line.rstrip() for line in text.strip().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(map(_wrapped, lines))) + "\n"


def _wrapped(line: str) -> str:
    if len(line) <= _LINE_LENGTH:
        return line
    return textwrap.fill(line, _LINE_LENGTH, break_long_words=False, break_on_hyphens=False)
