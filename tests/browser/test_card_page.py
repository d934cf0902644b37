"""A real browser on the card page, with the sandbox's stand-in for Stripe.js."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app import create_app
from recover.foundation.signed_links import Links
from sandbox.server import serve

pytest_plugins = ("web_cast",)
pytestmark = pytest.mark.browser

GOOD, DECLINES, ASKS = "4242424242424242", "4000000000000341", "4000002760003184"


@pytest.fixture
def site(scene):
    """The scene's pages on a real port, with the stand-in for Stripe.js."""
    stripe = scene.services.settings.stripe_api_base
    running = serve(lambda *call: scene.app(*call))  # noqa: PLW0108 - the app is made below
    settings = dataclasses.replace(
        scene.services.settings, base_url=running.url, stripe_js_url=f"{stripe}/stripe.js"
    )
    links = Links(settings.secret_keys, running.url)
    scene.services = dataclasses.replace(scene.services, settings=settings, links=links)
    scene.app = create_app(scene.services)
    yield running.url
    running.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone whose every complaint is a failure, such as a breach of the page's policy."""
    yield from _page(browser)


@pytest.fixture
def bare_page(browser: Browser) -> Iterator[Page]:
    """A phone without scripts."""
    yield from _page(browser, java_script_enabled=False)


def _page(browser: Browser, **options) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 375, "height": 740}, **options)
    opened, complaints = context.new_page(), []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if _bad(said) else None)
    yield opened
    context.close()
    assert complaints == []


def _bad(said) -> bool:
    """A decline travels as 402, and the browser says so; the pretend Stripe has no icon."""
    harmless = "402" in said.text or said.location["url"].endswith("/favicon.ico")
    return said.type == "error" and not harmless


def type_card(page: Page, number: str) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expiration date").fill("11 / 31")
    page.get_by_label("Security code").fill("314")


def heading(page: Page):
    return page.get_by_role("heading", level=1)


def test_a_new_card_settles_the_payment(scene, site, page):
    case = scene.failed()
    page.goto(site + scene.link(case))
    page.get_by_role("button", name="Enter a new card").click()
    type_card(page, GOOD)
    page.get_by_role("button", name="Save card and pay $29.00").click()
    expect(heading(page)).to_have_text("All settled. Thank you!")
    expect(heading(page)).to_be_focused()
    expect(page.get_by_text("Paid with Visa ending in 4242.")).to_be_visible()
    assert scene.case(case.id).state == "recovered"
    page.reload()
    expect(heading(page)).to_have_text("All settled. Thank you!")
    assert scene.sandbox.report()["faults"]["charged_twice"] == 0


def test_after_a_decline_another_card_works(scene, site, page):
    case = scene.failed()
    page.goto(site + scene.link(case))
    page.get_by_role("button", name="Enter a new card").click()
    type_card(page, DECLINES)
    page.get_by_role("button", name="Save card and pay").click()
    expect(page.get_by_role("alert").first).to_contain_text("Your bank declined the payment")
    page.get_by_role("button", name="Try another card").click()
    type_card(page, GOOD)
    page.get_by_role("button", name="Save card and pay").click()
    expect(heading(page)).to_have_text("All settled. Thank you!")


def test_a_card_refused_at_once_is_named_beside_the_form(scene, site, page):
    page.goto(site + scene.link(scene.failed()))
    page.get_by_role("button", name="Enter a new card").click()
    type_card(page, "4000000000000002")
    save = page.get_by_role("button", name="Save card and pay")
    save.click()
    expect(page.locator("#card-error")).not_to_be_empty()
    expect(save).to_be_enabled()
    assert save.get_attribute("aria-describedby") == "card-error"
    page.get_by_label("Card number").fill(GOOD)
    save.click()
    expect(heading(page)).to_have_text("All settled. Thank you!")


def test_a_bank_that_asks_twice_is_answered_on_the_page(scene, site, page):
    case = scene.failed()
    page.goto(site + scene.link(case))
    page.get_by_role("button", name="Enter a new card").click()
    type_card(page, ASKS)
    page.get_by_role("button", name="Save card and pay").click()
    for _ in ("to save the card", "to pay"):
        page.get_by_role("button", name="Complete authentication").click()
    expect(heading(page)).to_have_text("All settled. Thank you!")
    assert scene.case(case.id).state == "recovered"


def test_a_confirmation_that_was_left_open_can_be_given_later(scene, site, page):
    case = scene.failed()
    page.goto(site + scene.link(case))
    page.get_by_role("button", name="Enter a new card").click()
    type_card(page, ASKS)
    page.get_by_role("button", name="Save card and pay").click()
    page.get_by_role("button", name="Complete authentication").click()
    expect(page.locator("#card-status")).to_contain_text("asking you to confirm")
    setup_intent = scene.sandbox.store.all("setup_intent")[-1]["id"]
    page.goto(f"{page.url}/return?setup_intent={setup_intent}")
    expect(heading(page)).to_contain_text("your bank asks you to confirm")
    page.get_by_role("button", name="Confirm with your bank").click()
    page.get_by_role("button", name="Complete authentication").click()
    expect(heading(page)).to_have_text("All settled. Thank you!")
    assert scene.case(case.id).state == "recovered"


def test_a_failed_confirmation_leaves_a_way_on(scene, site, page):
    page.goto(site + scene.link(scene.failed()))
    page.get_by_role("button", name="Enter a new card").click()
    type_card(page, ASKS)
    page.get_by_role("button", name="Save card and pay").click()
    page.get_by_role("button", name="Complete authentication").click()
    page.get_by_role("button", name="Fail", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text("could not confirm that it was you")
    expect(page.get_by_role("button", name="Try another card")).to_be_visible()


def test_without_scripts_stripes_own_page_does_it(scene, site, bare_page):
    case = scene.failed()
    bare_page.goto(site + scene.link(case))
    bare_page.get_by_role("button", name="Enter a new card").click()
    assert bare_page.url.startswith(scene.services.settings.stripe_api_base)
    bare_page.get_by_label("Card number").fill(GOOD)
    bare_page.get_by_label("Expiry").fill("11 / 31")
    bare_page.get_by_label("CVC").fill("314")
    bare_page.get_by_role("button", name="Save card").click()
    expect(heading(bare_page)).to_have_text("All settled. Thank you!")
    assert scene.case(case.id).state == "recovered"


def test_where_stripes_script_does_not_load_its_own_page_does_it(scene, site, page):
    page.route("**/stripe.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(site + scene.link(scene.failed()))
    page.get_by_role("button", name="Enter a new card").click()
    page.wait_for_url(scene.services.settings.stripe_api_base + "/**")


def test_the_keyboard_is_enough(scene, site, page):
    case = scene.failed()
    page.goto(site + scene.link(case))
    page.get_by_role("button", name="Enter a new card").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Card number")).to_be_focused()
    page.keyboard.type(GOOD)
    page.keyboard.press("Tab")
    page.keyboard.type("11 / 31")
    page.keyboard.press("Tab")
    page.keyboard.type("314")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Save card and pay")).to_be_focused()
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("All settled. Thank you!")


def test_a_second_click_while_the_first_is_under_way_does_nothing(scene, site, page):
    page.goto(site + scene.link(scene.failed()))
    page.get_by_role("button", name="Enter a new card").dblclick()
    type_card(page, GOOD)
    page.evaluate(
        "() => { const b = document.getElementById('card-submit'); b.click(); b.click(); }"
    )
    expect(heading(page)).to_have_text("All settled. Thank you!")
    assert len(scene.sandbox.store.all("setup_intent")) == 1


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_long_words_stay_within_the_page(scene, site, page, width):
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    case = scene.failed(locale="de", currency="eur", amount=99_999_999, product=long, name=long)
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(site + scene.link(case))
    assert page.evaluate("document.documentElement.scrollWidth") == width
