"""The states of the pages of the team, of subscribers, and of what went wrong."""

from __future__ import annotations

from collections.abc import Iterator

from page_state import State


def people() -> Iterator[State]:
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


def subscribers() -> Iterator[State]:
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


def errors() -> Iterator[State]:
    yield State("", "no such page", "ada", "/nowhere", 404)
    yield State("", "no such page, for anybody", "", "/nowhere", 404)
    yield State("", "not by a form", "ada", "/settings", 405, ("/settings", {}))
    page, path = "web.sessions.end_others", "/settings/sessions"
    late = (path + "/end-others", {})
    yield State(page, "open for too long", "olaf", path, 400, late, csrf=False)
