"""connect.stripe.com: the page of consent, and the two requests of OAuth."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from sandbox.consent import CLIENT_ID, OAuthError
from sandbox.faults import Fault
from sandbox.sandbox import Sandbox
from sandbox.state import Store

_HERE = Path(__file__).parent.parent
_DENIED = {"error": "access_denied", "error_description": "The user denied your request"}


def blueprint(sandbox: Sandbox) -> Blueprint:
    oauth = Blueprint("oauth", "sandbox_oauth", template_folder=str(_HERE / "templates"))

    @oauth.route("/oauth/authorize", methods=["GET", "POST"])
    def authorize() -> AnyResponse:
        asked = request.args
        if asked.get("client_id") != CLIENT_ID or asked.get("response_type") != "code":
            return Response("No application matches the supplied client identifier", 400)
        with sandbox.state.lock:
            companies = [s for s in sandbox.state.stores.values() if s is not sandbox.platform]
            if request.method == "GET":
                return Response(render_template("consent.html", companies=companies))
            answer = _answer(sandbox, companies)
        answer["state"] = asked.get("state", "")
        return redirect(f"{asked.get('redirect_uri', '')}?{urlencode(answer)}", 303)

    _requests(oauth, sandbox)
    return oauth


def _requests(oauth: Blueprint, sandbox: Sandbox) -> None:
    """What the platform asks behind the page."""

    @oauth.post("/oauth/token")
    def token() -> AnyResponse:
        key = _platform_key(sandbox)
        fault = sandbox.faults.take("POST /oauth/token")
        if request.form.get("grant_type") != "authorization_code":
            raise OAuthError(400, "unsupported_grant_type", "Unsupported grant type.")
        with sandbox.state.lock:
            found = sandbox.consent.exchange(request.form.get("code", ""), live_key="_live_" in key)
        if fault is Fault.DROP:  # done, and the answer is lost on the way
            return Response("<html>Bad gateway</html>", 502)
        return jsonify(found)

    @oauth.post("/oauth/deauthorize")
    def deauthorize() -> AnyResponse:
        _platform_key(sandbox)
        fault = sandbox.faults.take("POST /oauth/deauthorize")
        if fault is Fault.OUTAGE:
            return Response("<html>Bad gateway</html>", 502)
        if request.form.get("client_id") != CLIENT_ID:
            raise OAuthError(401, "invalid_client", "No such application.")
        with sandbox.state.lock:
            done = sandbox.consent.deauthorize(request.form.get("stripe_user_id", ""))
        if fault is Fault.DROP:
            return Response("<html>Bad gateway</html>", 502)
        return jsonify(done)

    @oauth.errorhandler(OAuthError)
    def refused(error: OAuthError) -> tuple[AnyResponse, int]:
        return jsonify(error.body), error.status


def _answer(sandbox: Sandbox, companies: list[Store]) -> dict[str, str]:
    if request.form.get("answer") != "allow":
        return dict(_DENIED)
    wanted = request.form.get("account", sandbox.account_id)
    store = next(one for one in companies if one.id == wanted)
    scope = request.args.get("scope", "read_only")
    return {"scope": scope, "code": sandbox.consent.allow(store, scope)}


def _platform_key(sandbox: Sandbox) -> str:
    credentials = request.authorization
    secret = (credentials.token if credentials else "") or request.form.get("client_secret", "")
    key = sandbox.state.keys.get(secret)
    if key is None or key.revoked or key.store is not sandbox.platform:
        shown = f"{secret[:8]}{'*' * 12}{secret[-4:]}"
        raise OAuthError(401, "invalid_client", f"No such API key: {shown}")
    return secret
