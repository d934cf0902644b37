"""The link that stops mails, and the mail program's own button for it (RFC 8058)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from recover.foundation.signed_links import Purpose
from recover.models import AuditLogEntry, Suppression

pytest_plugins = ("web_cast",)


@pytest.fixture
def path(scene):
    payload = {"account": scene.account.id, "customer": "cus_sam"}
    return "/stop/" + scene.services.links.sign(Purpose.STOP_MAIL, payload, scene.services.now())


def reasons(scene):
    with scene.services.db.read() as session:
        return list(session.scalars(select(Suppression.reason)))


def refused(scene):
    with scene.services.db.begin() as session:
        session.add(
            Suppression(
                account_id=scene.account.id,
                stripe_customer_id="cus_sam",
                reason="refused",
                created_at=scene.services.now(),
            )
        )


def test_opening_the_link_changes_nothing(scene, path):
    answer = scene.client.get(path)
    assert "Stop these mails" in answer.text
    assert "Acme" in answer.text
    assert reasons(scene) == []


def test_the_button_stops_the_mails_and_another_resumes_them(scene, path):
    assert "Done." in scene.client.post(path).text
    assert reasons(scene) == ["asked"]
    assert "Done." in scene.client.get(path).text
    answer = scene.post(scene.client, f"{path}/undo", path)
    assert "when it matters" in answer.text
    assert reasons(scene) == []


def test_a_mail_program_stops_them_with_one_post_and_no_session(scene, path):
    client = scene.app.test_client(use_cookies=False)
    answer = client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert reasons(scene) == ["asked"]


def test_twice_is_as_good_as_once(scene, path):
    scene.client.post(path)
    scene.client.post(path)
    assert reasons(scene) == ["asked"]


def test_an_address_that_refuses_mail_is_not_revived_by_a_click(scene, path):
    refused(scene)
    answer = scene.post(scene.client, f"{path}/undo", path)
    assert reasons(scene) == ["refused"]
    assert "came back" in answer.text


def test_it_speaks_the_customers_language(scene):
    case = scene.failed(locale="de")
    payload = {"account": scene.account.id, "customer": case.stripe_customer_id}
    token = scene.services.links.sign(Purpose.STOP_MAIL, payload, scene.services.now())
    assert "Diese Mails abbestellen" in scene.client.get(f"/stop/{token}").text


@pytest.mark.parametrize("payload", [{"account": 999_999, "customer": "cus_sam"}, {}])
def test_a_link_to_nothing_is_not_found(scene, payload):
    token = scene.services.links.sign(Purpose.STOP_MAIL, payload, scene.services.now())
    assert scene.client.post(f"/stop/{token}").status_code == 404
    assert reasons(scene) == []


def test_a_link_for_another_purpose_stops_nothing(scene):
    payload = {"account": scene.account.id, "customer": "cus_sam"}
    token = scene.services.links.sign(Purpose.CARD_PAGE, payload, scene.services.now())
    assert scene.client.post(f"/stop/{token}").status_code == 404
    assert reasons(scene) == []


def test_both_go_on_record_once_as_the_subscriber_s_own_act(scene, path):
    for _ in range(2):
        scene.client.post(path)
    scene.post(scene.client, f"{path}/undo", path)

    with scene.services.db.read() as session:
        lines = list(session.scalars(select(AuditLogEntry).order_by(AuditLogEntry.id)))
    assert [(line.verb, line.actor) for line in lines] == [
        ("suppress", "subscriber"),
        ("resume", "subscriber"),
    ]
    assert {line.stripe_customer_id for line in lines} == {"cus_sam"}


def test_who_was_erased_is_not_written_to_again_by_an_old_link(scene, path):
    refused(scene)
    with scene.services.db.begin() as session:
        session.scalar(select(Suppression)).reason = "erased"
    answer = scene.post(scene.client, f"{path}/undo", path)
    assert "came back" not in answer.text
    assert reasons(scene) == ["erased"]
