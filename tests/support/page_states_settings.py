"""The states of the pages under Settings, but for people."""

from __future__ import annotations

from collections.abc import Iterator

from page_state import State


def settings() -> Iterator[State]:
    yield State("web.navigation.show", "an owner's", "ada", "/settings")
    yield State("web.navigation.show", "a viewer's", "vera", "/settings")
    for page in ("brand", "sending", "retries", "ending", "notifications"):
        endpoint, path = f"web.account_settings.{page}", f"/settings/{page}"
        yield State(endpoint, "live, several accounts", "ada", f"{path}/{{acme}}")
        yield State(endpoint, "one", "olaf", path)
        yield State(endpoint, "new", "nina", path)
        yield State(endpoint, "for one who only looks", "vera", path)
    bad = {
        "brand": {"name": "", "color": "red", "logo_url": "http://", "support_email": "nobody"},
        "sending": {"sender_email": "x", "timezone": "Nowhere", "messages_per_week": "many"},
        "retries": {"mode": "maybe", "timing": "x", "max_retries": "-1", "explore": "99"},
        "ending": {"end_of_dunning": "shrug"},
        "notifications": {"notify_to": "nobody\nno one@"},
    }
    for page, fields in bad.items():
        path = f"/settings/{page}/{{bench}}"
        endpoint = f"web.account_settings.{page}"
        yield State(endpoint, "refused", "wanda", path, 422, (path, fields))
    ending, path = "web.account_settings.ending", "/settings/ending/{bench}"
    yield State(ending, "asked once more", "wanda", path, sent=(path, {"end_of_dunning": "cancel"}))
    brand, path = "web.account_settings.brand", "/settings/brand/{bench}"
    seen = {"seen": "another", "name": "Mine", "color": "#123456"}
    yield State(brand, "changed meanwhile", "wanda", path, 409, (path, seen))
    yield State(brand, "saved", "ada", "/settings/brand/{acme}?saved={setting}")
    preview = "/settings/brand/{acme}/preview"
    yield State("web.account_settings.preview_page", "live", "ada", f"{preview}/page")
    yield State("web.account_settings.preview_mail", "live", "ada", f"{preview}/mail")
    page = "web.account_settings.changes"
    yield State(page, "many", "ada", "/settings/changes/{acme}")
    yield State(page, "one", "olaf", "/settings/changes")
    yield State(page, "none", "fay", "/settings/changes")
    yield State(page, "new", "nina", "/settings/changes")
    undo = ("/settings/changes/{bench}/undo", {"id": "{bench change}"})
    path = "/settings/changes/{bench}"
    yield State("web.account_settings.undo", "asked once more", "wanda", path, sent=undo)


def stripe() -> Iterator[State]:
    page, path = "web.stripe_accounts.show", "/settings/stripe"
    yield State(page, "many", "ada", path)
    yield State(page, "one", "olaf", path)
    yield State(page, "new", "nina", path)
    yield State(page, "broken", "bruno", path)
    yield State(page, "for one who only looks", "vera", path)
    yield State(page, "by key alone", "nina", path, site="bare")
    page = "web.stripe_accounts.one"
    yield State(page, "live", "ada", f"{path}/{{acme}}")
    yield State(page, "test mode", "olaf", f"{path}/{{solo}}")
    yield State(page, "Stripe refuses our key", "bruno", f"{path}/{{revoked}}")
    yield State(page, "not listening", "bruno", f"{path}/{{deaf}}")
    yield State(page, "leaving", "bruno", f"{path}/{{gone}}")
    yield State(page, "for one who only looks", "vera", f"{path}/{{acme test}}")
    told = (f"{path}/{{bench}}/test-mail", {"who": "team"})
    yield State(page, "just changed", "wanda", f"{path}/{{bench}}", sent=told)
    page = "web.stripe_connect.confirm_disconnect"
    yield State(page, "live", "ada", f"{path}/{{acme}}/disconnect")
    yield State(page, "for one who only looks", "vera", f"{path}/{{acme}}/disconnect", 403)
    page, path = "web.stripe_connect.key_form", "/settings/stripe/key"
    yield State(page, "live", "nina", path)
    yield State(page, "test", "nina", path + "?mode=test")
    page, key = "web.stripe_connect.key", {"mode": "test", "publishable_key": "pk_test_1"}
    for name, secret in (
        ("no key", ""),
        ("too little", "{weak key}"),
        ("too much", "{strong key}"),
        ("everything", "{full key}"),
    ):
        yield State(page, name, "wanda", path, 400, (path, key | {"key": secret}))
    denied = "/settings/stripe/return?error=access_denied&state=x"
    yield State("web.stripe_connect.come_back", "refused", "wanda", denied, 400)


def programs() -> Iterator[State]:
    page, path = "web.api_tokens.show", "/settings/api"
    yield State(page, "many", "ada", path)
    yield State(page, "one", "olaf", path)
    yield State(page, "none", "karl", path)
    yield State(page, "new", "nina", path)
    yield State(page, "for one who only looks", "vera", path, 403)
    page, made = "web.api_tokens.create", {"name": "Billing", "mode": "test", "life": "90"}
    yield State(page, "refused", "wanda", path, 400, (path, made | {"name": ""}))
    yield State(page, "made", "wanda", path, 201, (path, made | {"scope": "cases:read"}))
    few = (f"{path}/grace/{{bench}}", {"days": "many"})
    yield State("web.api_tokens.grace", "refused", "wanda", path, 400, few)
    yield State("web.api_tokens.confirm_revoke", "many", "ada", f"{path}/{{token}}/revoke")
    page, path = "web.webhook_endpoints.show", "/settings/webhooks"
    yield State(page, "many", "ada", path)
    yield State(page, "one", "olaf", path)
    yield State(page, "none", "karl", path)
    yield State(page, "new", "nina", path)
    made = {"account": "{bench}", "url": "https://bench.test/more", "event": "case.opened"}
    page = "web.webhook_endpoints.create"
    yield State(page, "refused", "wanda", path, 400, (path, made | {"url": "nowhere"}))
    yield State(page, "made", "wanda", path, 201, (path, made))
    page = "web.webhook_endpoints.endpoint"
    yield State(page, "many", "ada", f"{path}/{{hook}}")
    yield State(page, "failing", "ada", f"{path}/{{hook 1}}")
    yield State(page, "switched off", "ada", f"{path}/{{hook 2}}")
    yield State(page, "nothing sent", "olaf", f"{path}/{{one hook}}")
    path = f"{path}/{{bench hook}}"
    yield State(
        "web.webhook_endpoints.change", "refused", "wanda", path, 400, (path, {"url": "nowhere"})
    )
    yield State("web.webhook_endpoints.rotate", "made", "wanda", path, sent=(f"{path}/secret", {}))
    yield State(
        "web.webhook_endpoints.confirm_remove",
        "one",
        "olaf",
        "/settings/webhooks/{one hook}/remove",
    )
    yield State("docs", "", "", "/api/v1/docs")


def personal() -> Iterator[State]:
    page, path = "web.audit_log.show", "/settings/record"
    yield State(page, "many", "ada", path)
    yield State(page, "for one who only looks", "vera", path)
    yield State(page, "no line fits", "ada", path + "?verb=erase&actor=subscriber")
    yield State(page, "new", "nina", path)
    yield State(page, "does not hold", "bruno", path)
    page, path = "web.privacy.show", "/settings/personal-data"
    yield State(page, "an owner's", "ada", path)
    yield State(page, "for one who may not", "mia", path, 403)
    page, keep = "web.privacy.keep", path + "/keep"
    yield State(page, "refused", "wanda", path, sent=(keep, {"days": "ever"}))
    yield State(page, "tried", "ada", path, sent=(keep, {"days": "400", "try": "1"}))
    page, find = "web.privacy.find", path + "/person"
    yield State(page, "found", "ada", path, sent=(find, {"who": "grace@navy.test"}))
    yield State(page, "not found", "wanda", path, sent=(find, {"who": "nobody@nowhere.test"}))
