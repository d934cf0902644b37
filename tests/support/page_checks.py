"""What a machine can see wrong with a page in a real browser.

``Watched`` is a tab whose every complaint is kept from the first byte on; `look` finds what is
wrong with how the page lies there, `axe` what is wrong for those who cannot see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

WIDTHS = (390, 768, 1280)
HEIGHT = 844
SCHEMES = ("light", "dark")

LAYOUT = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# In the second scheme only the colours are different.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# What is in a frame is a page of its own. Style sheets are not fetched once more: only a rule that
# is switched off would read them.
RUN_AXE = """async (options) => {
  options = { resultTypes: ["violations"], iframes: false, preload: false, ...options };
  const { violations } = await axe.run(document, options);
  return violations.flatMap(
    ({ id, help, nodes }) => nodes.map(({ target }) => [id, help, target.join(" ")]),
  );
}"""
# Opens what is folded away, and says whether anything was.
OPEN = """() => {
  const closed = [...document.querySelectorAll("details:not([open])")];
  closed.forEach((one) => { one.open = true; });
  return closed.length > 0;
}"""
# Runs before the page's own scripts; a policy says nothing about it.
LISTEN = """
window.__breaches = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.__breaches.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`);
});
"""


class Watched:
    """A tab, and what it complained of since it was last asked."""

    def __init__(self, context: BrowserContext) -> None:
        context.add_init_script(LISTEN)
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.expected = 200  # what the page itself is to be answered with
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))

    def _console(self, said: ConsoleMessage) -> None:
        """A page that is refused on purpose is reported by the browser as well."""
        refused = f"status of {self.expected} " in said.text and self.expected != 200
        if said.type == "error" and not (refused and said.location["url"] == self.page.url):
            self.complaints.append(f"console: {said.text}")

    def forget(self) -> None:
        self.complaints = []

    def open(self, address: str, expected: int = 200) -> Response:
        """Load a page, with nothing of the one before it."""
        self.forget()
        self.expected = expected
        response = self.page.goto(address)
        assert response is not None
        return response

    def taken(self) -> list[str]:
        """What was complained of so far."""
        breaches = self.page.evaluate("() => window.__breaches")
        return self.complaints + [f"csp: {one}" for one in breaches]


def look(page: Page) -> list[str]:
    """What is wrong with the page as it lies there, at each width; then with its details open."""
    found: dict[str, list[int]] = {}

    def note(width: int) -> None:
        for fault in page.evaluate(LAYOUT):
            found.setdefault("{kind}: {where}: {text}".format(**fault), []).append(width)

    for width in reversed(WIDTHS):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        note(width)
    if page.evaluate(OPEN):
        note(WIDTHS[0])
    return [f"{fault} at {sorted(set(widths))}" for fault, widths in found.items()]


def axe(page: Page, scheme: str) -> list[str]:
    """What axe finds: all of it in the first scheme, in the second what is about colours."""
    page.emulate_media(color_scheme=scheme)
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)  # as a debugger would, so that the page's policy need not allow it
    found = page.evaluate(RUN_AXE, {} if scheme == SCHEMES[0] else COLOURS)
    return [f"axe: {rule}: {where} ({text}), {scheme}" for rule, text, where in found]


def faults(page: Page, schemes: Sequence[str] = SCHEMES) -> list[str]:
    """Everything but the tab's complaints."""
    return [*look(page), *(fault for scheme in schemes for fault in axe(page, scheme))]
