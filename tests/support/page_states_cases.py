"""The states of the pages about cases, retries and the way to a live account."""

from __future__ import annotations

from collections.abc import Iterator

from page_state import State


def cases() -> Iterator[State]:
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
    yield State(page, "open, distrusted, no mail", "ada", "/cases/{case open 4}")
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


def retries() -> Iterator[State]:
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


def start() -> Iterator[State]:
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
