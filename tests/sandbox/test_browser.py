"""The Stripe.js stand-in in a real browser, under the strict policy a careful page would have."""

import shutil
from contextlib import contextmanager

import pytest
from flask import Flask, Response
from sandbox_cast import open_desk

from sandbox.server import serve

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGE = """<!doctype html><html lang="en"><title>Card</title><div id="card"></div>
<button id="save">Save</button><p id="out"></p>
<script src="{stripe}/stripe.js"></script>
<script src="/page.js" data-secret="{secret}" data-key="{key}" data-account="{account}"></script>
"""
SCRIPT = """
const { secret, key, account } = document.currentScript.dataset;
const stripe = Stripe(key, { stripeAccount: account });
const elements = stripe.elements({ clientSecret: secret });
const payment = elements.create("payment");
payment.on("ready", () => { document.title = "ready"; });
payment.on("change", (event) => { document.title = event.complete ? "complete" : "typing"; });
payment.mount("#card");
document.querySelector("#save").addEventListener("click", async () => {
  const { error, setupIntent } = await stripe.confirmSetup({
    elements, confirmParams: { return_url: location.href }, redirect: "if_required",
  });
  const told = error ? `${error.type} ${error.code}` : setupIntent.status;
  document.querySelector("#out").textContent = told;
});
"""


@contextmanager
def shop(desk):
    """A page with the Payment Element for a new setup intent at every visit."""
    app = Flask("shop")
    customer = desk.sandbox.add_customer()["id"]

    @app.get("/")
    def page():
        intent = desk.client.v1.setup_intents.create({"customer": customer})
        text = PAGE.format(
            stripe=desk.url,
            secret=intent.client_secret,
            key=desk.sandbox.publishable_key,
            account=desk.sandbox.account_id,
        )
        policy = f"default-src 'none'; script-src 'self' {desk.url}; connect-src {desk.url}"
        return Response(text, headers={"Content-Security-Policy": policy})

    @app.get("/page.js")
    def script():
        return Response(SCRIPT, mimetype="text/javascript")

    @app.get("/favicon.ico")
    def icon():
        return Response(status=204)

    running = serve(app)
    try:
        yield running.url
    finally:
        running.stop()


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium found")
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """A function that types a card, answers the bank if asked, and returns what the page says."""
    faults = []
    with open_desk() as desk, shop(desk) as url:
        page = browser.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))

        def type_card(number, bank=None):
            page.goto(url)
            sync_api.expect(page).to_have_title("ready")
            page.get_by_label("Card number").press_sequentially(number)
            page.get_by_label("Expiration date").press_sequentially("1134")
            page.get_by_label("Security code").press_sequentially("123")
            page.get_by_role("button", name="Save").click()
            if bank:
                page.get_by_role("dialog").get_by_role("button", name=bank).click()
            out = page.locator("#out")
            sync_api.expect(out).not_to_be_empty()
            return out.text_content()

        yield type_card
        page.close()
    assert faults == []


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("4242424242424242", "succeeded"),
        ("4000000000009995", "card_error card_declined"),
        ("4242424242424241", "validation_error invalid_number"),
        ("4242", "validation_error incomplete_number"),
    ],
)
def test_the_form_says_what_stripe_would(visit, number, told):
    assert visit(number) == told


def test_the_bank_is_asked_in_a_dialog(visit):
    assert visit("4000002760003184", bank="Complete authentication") == "succeeded"
    failure = "invalid_request_error setup_intent_authentication_failure"
    assert visit("4000002760003184", bank="Fail") == failure
