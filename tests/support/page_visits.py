"""How a state is reached: in whose browser, at which address, by which form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from page_checks import HEIGHT, WIDTHS, Watched
from page_state import State
from page_town import LOGO, Town
from playwright.sync_api import Browser, Response, expect
from werkzeug.exceptions import HTTPException

from sandbox.server import serve

PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40" fill="#3a9188">
<circle cx="20" cy="20" r="18"/><rect x="48" y="12" width="70" height="16" rx="4"/></svg>"""
# A form as the page would send it, with the page's own token.
SEND = """([address, fields, signed]) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: address });
  const token = signed && document.querySelector("[name=csrf_token]");
  if (token) fields = { csrf_token: token.value, ...fields };
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.submit();
}"""


class Visits:
    """Every reader has a browser of their own, in which one page follows the other."""

    def __init__(self, browser: Browser, town: Town) -> None:
        self.browser, self.town = browser, town
        self.tabs: dict[tuple[str, str], Watched] = {}
        self.bare = serve(town.apps["bare"])
        self.urls = {"": town.services.settings.base_url, "bare": self.bare.url}

    def close(self) -> None:
        for tab in self.tabs.values():
            tab.page.context.close()
        self.bare.stop()

    def pay(self, state: State) -> Watched:
        """Bring a state before the reader's eyes, and make sure that it is the one meant."""
        tab = self._tab(state.reader, state.site)
        tab.page.set_viewport_size({"width": WIDTHS[-1], "height": HEIGHT})
        tab.page.emulate_media(color_scheme="light")
        response = tab.open(self.urls[state.site] + self.town.fill(state.path), state.status)
        if state.sent:
            response = self._send(tab, state)
        answered = endpoint_of(self.town.app, response), response.status
        assert answered == (state.page, state.status), f"{response.url}: {answered}"
        if state.press:
            button, shows = state.press
            tab.page.get_by_role("button", name=button).click()
            expect(tab.page.get_by_label(shows)).to_be_visible()
        return tab

    def _tab(self, reader: str, site: str) -> Watched:
        if (reader, site) not in self.tabs:
            context = self.browser.new_context()
            context.route(
                LOGO, lambda route: route.fulfill(body=PICTURE, content_type="image/svg+xml")
            )
            if cookie := self.town.client(reader, site).get_cookie("recover_session"):
                url = self.urls[site]
                context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": url}])
            self.tabs[reader, site] = Watched(context)
        return self.tabs[reader, site]

    def _send(self, tab: Watched, state: State) -> Response:
        assert state.sent
        address, fields = state.sent
        filled = {name: self.town.fill(value) for name, value in fields.items()}
        tab.forget()
        with tab.page.expect_navigation() as answer:
            tab.page.evaluate(SEND, [self.town.fill(address), filled, state.csrf])
        return answer.value


def endpoint_of(app: Flask, answer: Any) -> str:
    """The endpoint of a response's address; "" where there is none."""
    path = urlsplit(answer.url).path
    for one in applications(app):
        try:
            return one.url_map.bind("localhost").match(path, answer.request.method)[0]
        except HTTPException:
            continue
    return ""


def applications(app: Flask) -> Iterator[Flask]:
    """The application, and those that are mounted within it."""
    yield app
    waiting = [app.wsgi_app]
    while waiting:
        for cell in getattr(waiting.pop(), "__closure__", None) or ():
            inner = cell.cell_contents
            inner = getattr(inner, "__self__", inner)  # the wsgi_app of another
            if isinstance(inner, Flask) and inner is not app:
                yield inner
            elif callable(inner) and not isinstance(inner, Flask):
                waiting.append(inner)
