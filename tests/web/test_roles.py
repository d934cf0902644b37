"""Every endpoint and method, called in each role: 403 where it is due, and nowhere else."""

from __future__ import annotations

import re

import pytest
from team_cast import person

from recover.models import Role
from recover.web import access_control

pytest_plugins = ("web_cast",)

NUMBERLESS = {"token": "nonsense", "color": "1f6feb"}
OWNER, MEMBER, VIEWER = Role.OWNER, Role.MEMBER, Role.VIEWER

# The least role for what the plain rule (look: viewer, change: member) does not decide. Written
# down a second time here on purpose: loosening a rule of the guard takes a change of both.
TABLE = {
    ("web.case_page.confirm_retry", "GET"): MEMBER,
    ("web.webhook_endpoints.again", "POST"): OWNER,
    ("web.webhook_endpoints.change", "POST"): OWNER,
    ("web.webhook_endpoints.confirm_remove", "GET"): OWNER,
    ("web.webhook_endpoints.create", "POST"): OWNER,
    ("web.webhook_endpoints.endpoint", "GET"): OWNER,
    ("web.webhook_endpoints.remove", "POST"): OWNER,
    ("web.webhook_endpoints.rotate", "POST"): OWNER,
    ("web.webhook_endpoints.show", "GET"): OWNER,
    ("web.webhook_endpoints.test", "POST"): OWNER,
    ("web.invitations.again", "POST"): OWNER,
    ("web.invitations.invite", "POST"): OWNER,
    ("web.invitations.link", "POST"): OWNER,
    ("web.invitations.withdraw", "POST"): OWNER,
    ("web.members.change_role", "POST"): OWNER,
    ("web.members.confirm_remove", "GET"): OWNER,
    ("web.members.remove", "POST"): OWNER,
    ("web.members.sign_out", "POST"): OWNER,
    ("web.live_or_test.switch", "POST"): VIEWER,
    ("web.passkeys.add", "POST"): VIEWER,
    ("web.passkeys.options", "POST"): VIEWER,
    ("web.passkeys.remove", "POST"): VIEWER,
    ("web.passkeys.rename", "POST"): VIEWER,
    ("web.privacy.copy", "POST"): OWNER,
    ("web.privacy.erase", "POST"): OWNER,
    ("web.privacy.find", "POST"): OWNER,
    ("web.privacy.keep", "POST"): OWNER,
    ("web.privacy.show", "GET"): OWNER,
    ("web.company_switch.switch", "POST"): VIEWER,
    ("web.audit_log_export.download", "POST"): OWNER,
    ("web.sessions.end", "POST"): VIEWER,
    ("web.sessions.end_others", "POST"): VIEWER,
    ("web.sign_in.leave", "POST"): VIEWER,
    ("web.stripe_connect.come_back", "GET"): OWNER,
    ("web.stripe_connect.confirm_disconnect", "GET"): OWNER,
    ("web.stripe_connect.disconnect", "POST"): OWNER,
    ("web.stripe_connect.key", "POST"): OWNER,
    ("web.stripe_connect.key_form", "GET"): OWNER,
    ("web.stripe_connect.listen", "POST"): OWNER,
    ("web.stripe_connect.start", "POST"): OWNER,
    ("web.team.leave", "POST"): VIEWER,
    ("web.api_tokens.confirm_revoke", "GET"): OWNER,
    ("web.api_tokens.create", "POST"): OWNER,
    ("web.api_tokens.grace", "POST"): OWNER,
    ("web.api_tokens.revoke", "POST"): OWNER,
    ("web.api_tokens.show", "GET"): OWNER,
}
ENDS_THE_SESSION = {"web.sign_in.leave", "web.team.leave", "web.sign_in.enter"}


def calls(app):
    """(endpoint, method, path) of every page of ours that asks for a sign-in."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("web.") and rule.endpoint not in access_control.PUBLIC:
            path = re.sub(
                r"<(?:\w+:)?(\w+)>", lambda match: NUMBERLESS.get(match[1], "999"), rule.rule
            )
            for method in sorted(rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
                yield rule.endpoint, method, path


def least(endpoint: str, method: str) -> Role:
    return TABLE.get((endpoint, method), VIEWER if method == "GET" else MEMBER)


@pytest.mark.parametrize("role", list(Role))
def test_every_page_and_every_act_asks_for_the_role_it_should(scene, role):
    someone = person(scene.services, scene.user.company_id, f"{role}@acme.test", role)
    client = scene.sign_in(someone)
    asked = sorted(calls(scene.app), key=lambda call: call[0] in ENDS_THE_SESSION)
    refused = set()
    for endpoint, method, path in asked:
        if endpoint in ENDS_THE_SESSION:
            client = scene.app.test_client()
            scene.sign_in(someone, client)
        data = {"csrf_token": scene.csrf(client, "/settings/sessions")} if method != "GET" else None
        answer = client.open(path, method=method, data=data)
        if answer.status_code == 403:
            refused.add((endpoint, method))
        else:
            assert answer.location != "/sign-in" or endpoint in ENDS_THE_SESSION, endpoint
    due = {(name, method) for name, method, _ in asked if not role.may(least(name, method))}
    assert refused == due
    assert len(asked) > len(TABLE)


def test_the_table_names_only_what_there_is(scene):
    there = {(endpoint, method) for endpoint, method, _ in calls(scene.app)}
    assert set(TABLE) <= there


def test_the_guards_lists_name_only_what_there_is(scene):
    names = {endpoint for endpoint, _, _ in calls(scene.app)}
    blueprints = {name.rpartition(".")[0] for name in names}
    for listed in (
        access_control.OWNERS_ONLY,
        access_control.MEMBERS_ONLY,
        access_control.FOR_ONESELF,
    ):
        assert listed <= names | blueprints


def test_what_owners_alone_may_do_is_in_the_table(scene):
    for endpoint, method, _ in calls(scene.app):
        if access_control.needed(endpoint, method) is OWNER:
            assert TABLE.get((endpoint, method)) is OWNER, f"add {endpoint} to the table"


@pytest.mark.parametrize("role", [VIEWER, MEMBER])
def test_nobody_is_shown_a_button_they_may_not_press(scene, role):
    """Each form and link on the pages one can open leads to something one may do."""
    case = scene.failed()
    someone = person(scene.services, scene.user.company_id, f"{role}@acme.test", role)
    client = scene.sign_in(someone)
    pages = (
        "/",
        f"/cases/{case.id}",
        "/settings",
        "/settings/team",
        "/settings/passkeys",
        "/settings/sessions",
        "/companies",
    )
    adapter = scene.app.url_map.bind("recover.test")
    for page in pages:
        text = client.get(page).text
        asked = [("POST", one) for one in re.findall(r'method="post" action="([^"#?]+)', text)]
        asked += [("GET", one) for one in re.findall(r'<a [^>]*href="(/[^"#?]*)', text)]
        assert asked
        for method, path in asked:
            endpoint, _ = adapter.match(path, method=method)
            assert role.may(access_control.needed(endpoint, method)), f"{method} {path} on {page}"


def test_an_owner_is_shown_what_owners_do(scene):
    person(scene.services, scene.user.company_id, "kay@acme.test", MEMBER)
    text = scene.sign_in().get("/settings/team").text
    for path in ("/role", "/sign-out", "/remove", "/invitations"):
        assert f'{path}"' in text
