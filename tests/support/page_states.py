"""Every state in which the walk opens a page, by whose eyes: a table to add a line to.

A page is an endpoint. The first state of each is the fullest, and the one that is looked at while
one works; all of them are looked at otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Fields = dict[str, str]


@dataclass(frozen=True)
class State:
    """``reader`` as in `Town.client`, and ``path`` as in `Town.fill`.

    ``sent``: a form that is then sent from there, to an address and with these fields; ``press``: a
    button that is then pressed, and the heading or label that shows when it has worked.
    """

    page: str  # the endpoint that answers; "" for what no route answers
    name: str
    reader: str
    path: str
    status: int = 200
    sent: tuple[str, Fields] | None = None
    csrf: bool = True
    press: tuple[str, str] | None = None
    site: str = field(default="", kw_only=True)  # another installation: see `Town.apps`

    def __str__(self) -> str:
        return f"{self.page or 'error'}: {self.name}"


def states() -> list[State]:
    return list(_all())


def first_of_each() -> list[State]:
    """One state of each page; what answers a form only is left out."""
    found: dict[str, State] = {}
    for one in states():
        if not one.sent:
            found.setdefault(one.page, one)
    return list(found.values())


def _all() -> Iterator[State]:
    yield from _cases()
    yield from _retries()
    yield from _start()
    yield from _settings()
    yield from _stripe()
    yield from _programs()
    yield from _people()
    yield from _personal()
    yield from _subscribers()
    yield from _errors()


def _cases() -> Iterator[State]:
    page = "web.overview.show"
    yield State(page, "live, many", "ada", "/?period=all")
    yield State(page, "live, second page", "ada", "/?period=all&after=1796083200000000-99999999")
    yield State(page, "live, with a warning", "ada", "/?state=doubted")
    yield State(page, "live, no case fits", "vera", "/?q=nobody+of+that+name")
    yield State(page, "live, renewing itself", "ada", "/?live=1")
    yield State(page, "test mode", "ada test", "/?period=90")
    yield State(page, "one", "olaf", "/?period=30")
    yield State(page, "observing", "fay", "/?period=90")
    yield State(page, "connecting", "karl", "/?period=30")
    yield State(page, "new", "nina", "/")
    yield State(page, "broken", "bruno", "/?period=30")
    page = "web.case_page.show"
    yield State(page, "recovered", "ada", "/cases/{case recovered 1}")
    yield State(page, "open", "mia", "/cases/{case open 0}")
    yield State(page, "open, distrusted", "ada", "/cases/{case open 4}")
    yield State(page, "exhausted", "vera", "/cases/{case exhausted 2}")
    yield State(page, "erased", "ada", "/cases/{case closed 3}")
    yield State(page, "what comes next", "olaf", "/cases/{one case}?preview=1")
    yield State(page, "Stripe refuses us", "bruno", "/cases/{broken case}?preview=1", 503)
    yield State(page, "none", "nina", "/cases/1", 404)
    page = "web.case_page.confirm_retry"
    yield State(page, "open", "ada", "/cases/{case open 0}/retry")
    yield State(page, "one", "olaf", "/cases/{one case}/retry")
    yield State(page, "for one who only looks", "vera", "/cases/{case open 0}/retry", 403)
    retry = "/cases/{broken case}/retry"
    yield State("web.case_page.retry", "Stripe refuses us", "bruno", retry, 503, (retry, {}))


def _retries() -> Iterator[State]:
    page, acme = "web.retry_models.show", "/retries/{acme}"
    yield State(page, "live, many", "ada", acme)
    yield State(page, "live, older", "vera", acme + "?before=9")
    yield State(page, "fixed days, Stripe retries", "ada", "/retries/{europe}")
    yield State(page, "first night", "olaf", "/retries")
    yield State(page, "observing", "fay", "/retries")
    yield State(page, "new", "nina", "/retries")
    yield State(page, "damaged", "bruno", "/retries/{revoked}")
    page = "web.retry_models.version"
    yield State(page, "a former one", "ada", acme + "/versions/{former}")
    yield State(page, "in use", "ada", acme + "/versions/{version}")
    yield State(page, "refused", "ada", acme + "/versions/{refused}")
    yield State(page, "the shipped one", "ada", acme + "/versions/shipped")
    yield State(page, "against a damaged one", "bruno", "/retries/{revoked}/versions/shipped")
    yield State(page, "none", "ada", acme + "/versions/nothing", 404)
    page = "web.retry_models.confirm_use"
    yield State(page, "a former one", "ada", acme + "/versions/{former}/use")
    yield State(page, "the shipped one", "ada", "/retries/{europe}/versions/shipped/use")


def _start() -> Iterator[State]:
    yield State("web.checklist.first", "new", "nina", "/start")
    page = "web.checklist.show"
    yield State(page, "observing", "fay", "/start/{fernhill}")
    yield State(page, "connecting", "karl", "/start/{kettle}")
    yield State(page, "something broke off", "fay", "/start/{stopped}")
    yield State(page, "something is under way", "fay", "/start/{running}")
    yield State(page, "all but the last step", "quinn", "/start/{quiet}")
    yield State(page, "live", "ada", "/start/{acme}")
    yield State(page, "broken", "bruno", "/start/{revoked}")
    yield State(page, "disconnected", "bruno", "/start/{gone}")
    yield State(page, "for one who only looks", "vic", "/start/{fernhill}")
    yield State("web.checklist.campaign", "observing", "fay", "/start/{fernhill}/campaign")
    page, kettle = "web.checklist.confirm", "{confirm-sender link}"
    yield State(page, "a fresh link", "", kettle)
    yield State(page, "an old link", "", "{old confirm-sender link}", 410)
    yield State("web.checklist.accept", "confirmed", "", kettle, sent=(kettle, {}))
    page, dry_run = "web.dry_run.show", "/dry-run"
    yield State(page, "many", "fay", "/start/{fernhill}/dry-run")
    yield State(page, "under way", "fay", "/start/{running}/dry-run")
    yield State(page, "broke off", "fay", "/start/{stopped}/dry-run")
    yield State(page, "nothing failed", "quinn", "/start/{quiet}" + dry_run)
    yield State(page, "the past is not read", "karl", "/start/{kettle}" + dry_run)
    page, invoice = "web.dry_run.invoice", "/start/{fernhill}/dry-run/{past invoice}"
    yield State(page, "observing", "fay", invoice)
    yield State(page, "none", "fay", "/start/{fernhill}/dry-run/in_nowhere", 404)
    page = "web.go_live.show"
    yield State(page, "many", "fay", "/start/{fernhill}/live")
    yield State(page, "under way", "fay", "/start/{running}/live")
    yield State(page, "broke off", "fay", "/start/{stopped}/live")
    yield State(page, "nothing is past due", "quinn", "/start/{quiet}/live")
    yield State(page, "over an hour old", "quinn", "/start/{stale}/live")
    yield State(page, "before", "karl", "/start/{kettle}/live")
    yield State(page, "for one who only looks", "vic", "/start/{fernhill}/live")
    page = "web.go_live.confirm"
    yield State(page, "many", "fay", "/start/{fernhill}/live/recover")
    yield State(page, "nothing is past due", "quinn", "/start/{quiet}/live/stripe")


def _settings() -> Iterator[State]:
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


def _stripe() -> Iterator[State]:
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


def _programs() -> Iterator[State]:
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


def _people() -> Iterator[State]:
    page, path = "web.team.show", "/settings/team"
    yield State(page, "many", "ada", path)
    yield State(page, "one", "olaf", path)
    yield State(page, "for one who only looks", "vera", path)
    yield State("web.team.confirm_leave", "many", "mia", path + "/leave")
    yield State("web.team.leave", "the only owner", "olaf", path, 409, (path + "/leave", {}))
    yield State("web.members.confirm_remove", "many", "ada", f"{path}/{{mia}}/remove")
    add = f"{path}/invitations"
    twice = {"email": "guest@bench.test", "role": "viewer"}
    yield State("web.invitations.invite", "refused", "wanda", path, 409, (add, twice))
    guest = f"{add}/{{bench guest}}/link"
    yield State("web.invitations.link", "shown", "wanda", path, sent=(guest, {}))
    page = "web.accept_invitation.show"
    yield State(page, "open", "", "{invitation link}")
    yield State(page, "an old link", "", "{old invitation link}", 410)
    yield State(page, "withdrawn", "", "{withdrawn invitation link}", 410)
    page, path = "web.passkeys.show", "/settings/passkeys"
    yield State(page, "many", "ada", path)
    yield State(page, "none", "mia", path)
    yield State(page, "who was handed an invitation", "handed", path)
    yield State(page, "without https", "ada", path, site="bare")
    yield State("web.passkeys.add", "refused", "olaf", path, 400, (path, {"answer": "{{}}"}))
    yield State("web.passkeys.confirm_remove", "one", "olaf", f"{path}/{{one key}}/remove")
    page, path = "web.sessions.show", "/settings/sessions"
    yield State(page, "many", "ada", path)
    yield State(page, "one", "vera", path)
    yield State(page, "who was handed an invitation", "handed", path)
    yield State("web.company_switch.show", "many", "ada", "/companies")
    yield State("web.company_switch.show", "one", "olaf", "/companies")
    page, path = "web.sign_in.form", "/sign-in"
    yield State(page, "anybody", "", path)
    yield State(page, "without https", "", path, site="bare")
    page = "web.sign_in.ask"
    yield State(page, "no address", "", path, sent=(path, {"email": "nobody"}))
    yield State(page, "sent", "", path, sent=(path, {"email": "nobody@nowhere.test"}))
    page = "web.passkey_sign_in.enter"
    yield State(page, "refused", "", path, 403, (path + "/passkey", {"answer": "{{}}"}))
    yield State("web.sign_in.confirm", "a fresh link", "", "{sign-in link}")
    yield State("web.sign_in.confirm", "an old link", "", "{old sign-in link}", 410)
    yield State("web.sign_in.confirm", "a used link", "", "{used sign-in link}", 410)


def _personal() -> Iterator[State]:
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


def _subscribers() -> Iterator[State]:
    page = "web.card_page.show"
    yield State(page, "owed", "", "{owed}")
    yield State(page, "a card is entered", "", "{owed}", press=("Enter a new card", "Card number"))
    yield State(page, "owed twice", "", "{owed two}")
    for language in ("de", "fr", "es"):
        yield State(page, f"owed, in {language}", "", f"{{owed {language}}}")
    yield State(page, "owed, with long words", "", "{owed long}")
    yield State(page, "nothing owed", "", "{only card}")
    yield State(page, "paid before", "", "{paid before}")
    yield State(page, "subscription ended", "", "{ended}")
    yield State(page, "switched off", "", "{switched off}", 410)
    yield State(page, "disconnected", "", "{of the gone}", 410)
    yield State(page, "an old link", "", "{expired}", 410)
    yield State(page, "no link of ours", "", "/card/nonsense", 404)
    yield State(page, "Stripe refuses us", "", "{of the broken}", 503)
    page, fresh = "web.card_page.fresh", ("{expired}/fresh", {})
    yield State(page, "sent", "", "{expired}", 200, fresh)
    yield State(page, "open for too long", "", "{expired}", 400, fresh, csrf=False)
    often = ("{used up}/checkout", {})
    yield State("web.card_page.checkout", "used too often", "", "{used up}", 429, often)
    page = "web.card_page.come_back"
    for name in ("paid", "declined", "asks", "not saved", "saved", "waits"):
        yield State(page, name, "", f"{{card {name}}}")
    yield State(page, "nothing ticked", "", "{nothing ticked}")
    yield State(page, "of another page", "", "{owed}/return?setup_intent=seti_x", 409)
    page = "web.unsubscribe.show"
    yield State(page, "asks", "", "{stop asks}")
    yield State(page, "in German", "", "{stop in German}")
    yield State(page, "asked before", "", "{stop asked}")
    yield State(page, "no link of ours", "", "/stop/nonsense", 404)
    yield State("web.unsubscribe.stop", "stopped", "", "{stop sends}", sent=("{stop sends}", {}))
    back = ("{stop refuses}/undo", {})
    page = "web.unsubscribe.undo"
    yield State(page, "refused", "", "{stop refuses}", sent=back)
    # From another page with a token: once mail is sent again, its own has none.
    yield State(page, "resumed", "", "/sign-in", sent=("{stop resumes}/undo", {}))


def _errors() -> Iterator[State]:
    yield State("", "no such page", "ada", "/nowhere", 404)
    yield State("", "no such page, for anybody", "", "/nowhere", 404)
    yield State("", "not by a form", "ada", "/settings", 405, ("/settings", {}))
    page, path = "web.sessions.end_others", "/settings/sessions"
    late = (path + "/end-others", {})
    yield State(page, "open for too long", "olaf", path, 400, late, csrf=False)
