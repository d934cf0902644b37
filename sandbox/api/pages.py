"""What a browser sees of the pretend Stripe: Checkout, an invoice's page, and Stripe.js."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, redirect, render_template, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from sandbox import setups
from sandbox.sandbox import Sandbox
from sandbox.state import Obj, Store

_HERE = Path(__file__).parent.parent


def blueprint(sandbox: Sandbox) -> Blueprint:
    pages = Blueprint("pages", "sandbox", template_folder=str(_HERE / "templates"))

    @pages.get("/stripe.js")
    def stripe_js() -> AnyResponse:
        script = send_file(_HERE / "static" / "stripe.js", mimetype="text/javascript")
        script.headers["Access-Control-Allow-Origin"] = "*"
        return script

    @pages.route("/c/pay/<session_id>", methods=["GET", "POST"])
    def checkout(session_id: str) -> AnyResponse:
        with sandbox.state.lock:
            found = _find(sandbox, session_id)
            if found is None:
                return Response("Something went wrong: this page does not exist.", 404)
            return _checkout(*found)

    @pages.route("/i/<invoice_id>", methods=["GET", "POST"])
    def invoice(invoice_id: str) -> AnyResponse:
        with sandbox.state.lock:
            found = _find(sandbox, invoice_id)
            if found is None:
                return Response("Something went wrong: this page does not exist.", 404)
            store, bill = found
            if request.method == "POST" and bill["status"] == "open":
                sandbox.pay_on_hosted_page(invoice_id)
            return Response(render_template("invoice.html", invoice=bill, company=_company(store)))

    return pages


def _find(sandbox: Sandbox, object_id: str) -> tuple[Store, Obj] | None:
    for store in sandbox.state.stores.values():
        if object_id in store.objects:
            return store, store.objects[object_id]
    return None


def _company(store: Store) -> str:
    return str(store.account["business_profile"]["name"])


def _checkout(store: Store, session: Obj) -> AnyResponse:
    intent = store.get(session["setup_intent"])
    if session["status"] != "open":
        return Response("This page has expired.", 410)
    error = ""
    if request.method == "POST":
        error = _submit(store, intent)
        if intent["status"] == "succeeded":
            session.update(status="complete", url=None)
            store.emit("checkout.session.completed", session)
            home = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
            return redirect(home, 303)
    page = render_template(
        "checkout.html",
        session=session,
        company=_company(store),
        challenge=intent["status"] == "requires_action",
        error=error,
    )
    return Response(page)


def _submit(store: Store, intent: Obj) -> str:
    """Do what the form asks; what went wrong, or ""."""
    if "outcome" in request.form and intent["status"] == "requires_action":
        setups.authenticate(store, intent, passed=request.form["outcome"] == "success")
        failed = intent["status"] != "succeeded"
        return str(intent["last_setup_error"]["message"]) if failed else ""
    month, _, year = request.form.get("expiry", "").replace(" ", "").partition("/")
    card = {
        "number": request.form.get("number", ""),
        "exp_month": request.form.get("exp_month", month),
        "exp_year": request.form.get("exp_year", year),
    }
    try:
        setups.confirm(store, intent, card, request.form.get("name") or None)
    except setups.CardRefused as refusal:
        return str(refusal)
    return ""
