"""Contact sheets for people: every page of the walk, small, side by side. ``make pages``.

Light in every state, dark in the first of each page; as on a phone, and as on a desk. What is long
is shown down to `LONGEST`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path

import page_states
import pytest
from page_checks import HEIGHT, SCHEMES, WIDTHS
from page_state import State
from page_visits import Visits
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parents[2] / "build" / "pages"
PHONE, DESK = WIDTHS[0], WIDTHS[-1]
LONGEST = {PHONE: 1700, DESK: 1500}  # pixels of a page that are shown
SHRUNK = {PHONE: 144, DESK: 298}  # how wide a page is on a sheet
ON_A_SHEET = 20
SHEET_WIDTH = 1560
KINDS = {
    "phone-light": (PHONE, SCHEMES[0]),
    "desk-light": (DESK, SCHEMES[0]),
    "phone-dark": (PHONE, SCHEMES[1]),
    "desk-dark": (DESK, SCHEMES[1]),
}
FIRST = page_states.first_of_each()
FIGURE = "<figure><figcaption>{}</figcaption><img src='shots/{}'></figure>"
SHEET = """<!doctype html><html lang="en"><style>
body {{ margin: 12px; background: #777; font: 11px/1.3 sans-serif; color: #fff;
  display: flex; flex-wrap: wrap; gap: 12px 10px; align-items: flex-start; }}
figure {{ margin: 0; width: {width}px; }} img {{ display: block; width: 100%; }}
figcaption {{ overflow-wrap: anywhere; padding-bottom: 3px; }}
</style>{figures}</html>"""


@pytest.fixture(scope="module")
def shots(browser: Browser) -> Iterator[dict[str, list[tuple[str, Path]]]]:
    """The pictures taken so far, by kind; at the end they are put on sheets."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "shots").mkdir(parents=True)
    taken: dict[str, list[tuple[str, Path]]] = {kind: [] for kind in KINDS}
    yield taken
    page = browser.new_page(viewport={"width": SHEET_WIDTH, "height": HEIGHT})
    for kind, pictures in taken.items():
        width, _ = KINDS[kind]
        for begin in range(0, len(pictures), ON_A_SHEET):
            some = pictures[begin : begin + ON_A_SHEET]
            path = FOLDER / f"{kind}-{begin // ON_A_SHEET + 1:02}.png"
            _put_together(page, some, width, path)
    page.close()


def _put_together(page: Page, pictures: list[tuple[str, Path]], width: int, path: Path) -> None:
    figures = "".join(FIGURE.format(escape(title), shot.name) for title, shot in pictures)
    sheet = FOLDER / "sheet.html"
    sheet.write_text(SHEET.format(width=SHRUNK[width], figures=figures), encoding="utf-8")
    page.goto(sheet.as_uri(), wait_until="load")
    page.screenshot(path=path, full_page=True)
    sheet.unlink()


@pytest.fixture(scope="module")
def visits(browser, town) -> Iterator[Visits]:
    made = Visits(browser, town)
    yield made
    made.close()


@pytest.mark.parametrize("state", page_states.states(), ids=str)
def test_a_page_is_drawn(visits, shots, state: State):
    page = visits.pay(state).page
    for kind, (width, scheme) in KINDS.items():
        if scheme == SCHEMES[0] or state in FIRST:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": HEIGHT})
            path = FOLDER / "shots" / f"{len(shots[kind]):03}-{kind}.png"
            _shoot(page, width, path)
            shots[kind].append((str(state), path))
            assert path.stat().st_size


def _shoot(page: Page, width: int, path: Path) -> None:
    tall = page.evaluate("() => document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": min(tall, LONGEST[width])}
    page.screenshot(path=path, full_page=True, clip=clip)
