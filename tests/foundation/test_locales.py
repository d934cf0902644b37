"""Money and days are written for a reader, never for the machine that writes them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from emails.reader_format import day
from recover.foundation.locales import english_day, first_known, locale_named
from recover.foundation.money import format_money
from recover.web.translations import words_for

FRIDAY = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
NBSP = "\u00a0"

# What a machine says that was told no language, in the spellings that systems give it.
NO_LANGUAGE = ["C", "C.UTF-8", "C.utf8", "c", "POSIX", "posix", "C.ISO-8859-1"]
MACHINES_ENGLISH = ["en_US_POSIX", "en-US-posix", "en_US_POSIX.UTF-8"]


@pytest.mark.parametrize(
    ("tag", "locale"),
    [
        ("de-AT", "de_AT"),
        ("de_DE.UTF-8", "de_DE"),
        ("EN-gb", "en_GB"),
        ("zh-Hant-TW", "zh_Hant_TW"),
        ("ca-ES-valencia", "ca_ES_VALENCIA"),
        *[(tag, "en_US") for tag in MACHINES_ENGLISH],
    ],
)
def test_a_tag_names_its_locale_but_never_the_variant_for_machines(tag, locale):
    assert str(locale_named(tag)) == locale


@pytest.mark.parametrize("tag", ["", "xx", "not a locale", "😀", "../en", "*", *NO_LANGUAGE])
def test_a_tag_that_names_no_language_names_no_locale(tag):
    assert locale_named(tag) is None


def test_the_first_locale_that_is_known_counts_and_english_is_the_last_resort():
    assert str(first_known("C.UTF-8", "", "fr-CA", "de")) == "fr_CA"
    assert str(first_known("C")) == str(first_known()) == "en"


@pytest.mark.parametrize("tag", [*NO_LANGUAGE, *MACHINES_ENGLISH, "en-US-u-va-posix"])
def test_a_customer_with_a_machine_s_locale_reads_plain_english(tag):
    assert format_money(1999, "usd", tag) == "$19.99"
    assert words_for(tag).money(1999, "usd") == "$19.99"
    assert words_for(tag).day(FRIDAY) == "November 27, 2026"
    assert words_for(tag).language == "en"


def test_mails_to_a_customer_with_a_machine_s_locale_give_the_day_in_full():
    assert day(FRIDAY, "C.UTF-8") == "Friday, 27 November 2026"
    assert day(FRIDAY, "en_US_POSIX") == "Friday, November 27, 2026"


@pytest.mark.parametrize("tag", NO_LANGUAGE)
def test_the_browser_decides_for_a_customer_whose_locale_is_a_machine_s(tag):
    t = words_for(tag, ["de-DE", "en"])
    assert (t.language, t.money(1999, "eur")) == ("de", f"19,99{NBSP}€")
    assert t.day(FRIDAY) == "27. November 2026"


def test_a_machine_s_locale_in_accept_language_is_passed_over():
    t = words_for("", ["C", "de"])
    assert (t.language, t.money(1999, "eur")) == ("de", f"19,99{NBSP}€")


def test_days_in_english_have_english_months():
    assert english_day(date(2026, 3, 9), "d MMM y") == "9 Mar 2026"
    assert english_day(date(2026, 3, 9), "d MMMM y") == "9 March 2026"


# What the environment says is taken on, as a host application of `recover.plugin` may do it.
SHOWN = """
import contextlib, locale
from datetime import UTC, datetime
with contextlib.suppress(locale.Error):
    locale.setlocale(locale.LC_ALL, "")
from emails import reader_format
from recover.foundation.locales import english_day
from recover.foundation.money import format_money
at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
print(ascii([
    format_money(123450, "usd"), format_money(123450, "usd", ""), format_money(1999, "usd", "C"),
    format_money(123450, "eur", "de-DE"), reader_format.day(at), reader_format.day(at, ""),
    reader_format.expiry_month(3, 2026), english_day(at, "d MMMM y"),
]))
"""
IN_ENGLISH = [
    "$1,234.50", "$1,234.50", "$19.99", f"1.234,50{NBSP}€", "Monday, March 2, 2026",
    "Monday, 2 March 2026", "March 2026", "2 March 2026",
]  # fmt: skip


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LANG": "C"},
        {"LANG": "POSIX"},
        {"LANG": "C.UTF-8"},
        {"LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8"},
        {"LC_ALL": "de_DE.UTF-8"},
        {"LC_MONETARY": "ja_JP.UTF-8", "LC_NUMERIC": "de_DE.UTF-8", "LC_TIME": "fr_FR.UTF-8"},
        {"LANGUAGE": "es:fr", "LANG": "en_US.UTF-8"},
    ],
    ids=str,
)
def test_the_locale_of_the_process_changes_nothing_that_is_shown(environment):
    ours = re.compile("LC_.*|LANG|LANGUAGE")
    rest = {key: value for key, value in os.environ.items() if not ours.fullmatch(key)}
    command = [sys.executable, "-c", SHOWN]
    shown = subprocess.check_output(command, env=rest | environment, text=True)
    assert shown.strip() == ascii(IN_ENGLISH)
