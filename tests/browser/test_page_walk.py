"""A walk through every page in every state, in a real browser: nothing is wrong with any of them.

What is looked for: `page_checks`. Who looks, and at what: `page_states`. A new page is in the walk
by being a route, or a template, and fails it until a state of it is in the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import page_states
import pytest
from flask import Flask, template_rendered
from page_checks import SCHEMES, faults
from page_state import State
from page_town import CSRF, Town
from page_visits import Visits, applications

import recover
from recover import api

pytestmark = pytest.mark.browser

# What a route answers that is no page, and is therefore not walked to.
NO_PAGE = {
    "static": "files",
    "web.brand_stylesheet.stylesheet": "a style sheet",
    "web.health.health": "JSON for monitors",
    "openapi_json": "JSON for programs",
} | {operation.name: "JSON for programs, as docs/api.md says" for operation in api.OPERATIONS}

MAIL = "web.account_settings.preview_mail"  # shown in a frame; a mail has no landmarks
NO_LANDMARKS = ("axe: landmark-one-main:", "axe: region:")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "state" in metafunc.fixturenames:
        one = metafunc.config.getoption("--one-state-per-page", default=False)
        found = page_states.first_of_each() if one else page_states.states()
        metafunc.parametrize("state", found, ids=str)


@pytest.fixture(scope="module")
def visits(browser, town: Town) -> Iterator[Visits]:
    made = Visits(browser, town)
    yield made
    made.close()


def test_nothing_is_wrong_with_a_page(visits, state):
    tab = visits.pay(state)
    # What a script has drawn keeps the colours of the scheme it was drawn in.
    schemes = SCHEMES[:1] if state.press else SCHEMES
    found = tab.taken() + faults(tab.page, schemes)
    if state.page == MAIL:
        found = [one for one in found if not one.startswith(NO_LANDMARKS)]

    assert not found, "\n".join(found)


def test_every_route_that_answers_a_page_is_walked_to(town):
    rules = [rule for app in applications(town.app) for rule in app.url_map.iter_rules()]
    pages = {rule.endpoint for rule in rules if "GET" in rule.methods} - set(NO_PAGE)
    walked = {state.page for state in page_states.states()}

    assert "docs" in pages  # of an application that is mounted beside the pages
    assert pages - walked == set(), "say in page_states_*.py in which states to look at these"


@pytest.mark.parametrize("path", ["/static/recover.css", "/brand/1f6feb.css", "/health"])
def test_what_is_not_walked_to_is_no_page(town, path):
    answer = town.app.test_client().get(path, buffered=True)

    assert (answer.status_code, answer.mimetype == "text/html") == (200, False)


def test_every_template_is_seen(town, request):
    """Also those that only answer a form."""
    if request.config.getoption("--one-state-per-page", default=False):
        pytest.skip("this takes all of them")
    code = "\n".join(one.read_text("utf-8") for one in Path(recover.__file__).parent.rglob("*.py"))
    wanted = set(re.findall(r'render_template\(\s*"([\w/]+\.html)"', code))
    seen = set()

    def note(sender: Flask, template, **_) -> None:
        seen.add(template.name)

    with template_rendered.connected_to(note):
        for state in page_states.states():
            _open(town, state)

    assert wanted - seen == set(), "say in page_states_*.py in which states to look at these"


def _open(town: Town, state: State) -> None:
    """Without a browser, and with the same answer."""
    client = town.client(state.reader, state.site)
    answer = client.get(town.fill(state.path))
    if state.sent:
        address, fields = state.sent
        filled = {name: town.fill(value) for name, value in fields.items()}
        if state.csrf and (token := CSRF.search(answer.text)):
            filled["csrf_token"] = token[1]
        answer = client.post(town.fill(address), data=filled, follow_redirects=True)
    assert answer.status_code == state.status, state
