"""Every state in which the walk opens a page: tables to add a line to, in `page_states_*`.

A page is an endpoint. The first state of each is the fullest, and the one that is looked at while
one works; all of them are looked at otherwise.
"""

from __future__ import annotations

import page_states_cases as cases
import page_states_people as people
import page_states_settings as settings
from page_state import State

TABLES = (
    cases.cases,
    cases.retries,
    cases.start,
    settings.settings,
    settings.stripe,
    settings.programs,
    people.people,
    settings.personal,
    people.subscribers,
    people.errors,
)


def states() -> list[State]:
    return [state for table in TABLES for state in table()]


def first_of_each() -> list[State]:
    """One state of each page; what answers a form only is left out."""
    found: dict[str, State] = {}
    for one in states():
        if not one.sent:
            found.setdefault(one.page, one)
    return list(found.values())
