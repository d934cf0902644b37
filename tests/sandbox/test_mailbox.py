"""The sandbox's mailbox: a real SMTP server, and the site to look into it."""

import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from sandbox.mailbox import Mailbox
from sandbox.mailbox_site import PAGE, mailbox_app

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.fixture
def mailbox():
    with Mailbox(now=lambda: NOON) as running:
        yield running


@pytest.fixture
def site(mailbox):
    app = mailbox_app(mailbox)
    app.testing = True
    return app.test_client()


def deliver(mailbox, *subjects, to="ada@example.org", html=""):
    with smtplib.SMTP(mailbox.host, mailbox.port, local_hostname="test") as smtp:
        for subject in subjects:
            message = EmailMessage()
            message["From"], message["To"], message["Subject"] = (
                "Acme <a@acme.example>",
                to,
                subject,
            )
            message["Message-ID"] = f"<{abs(hash(subject))}@acme.example>"
            message.set_content(f"Text of {subject} http://recover.test/t\n")
            if html:
                message.add_alternative(html, subtype="html")
            smtp.send_message(message)


def test_mails_are_numbered_timed_and_taken_apart(mailbox):
    deliver(mailbox, "Grüße", html='<a href="http://recover.test/c/1?a=1&amp;b=2">x</a>')
    [mail] = mailbox.messages()
    assert (mail.number, mail.subject, mail.received_at) == (1, "Grüße", NOON)
    assert mail.links == ("http://recover.test/t", "http://recover.test/c/1?a=1&b=2")
    assert mail.header("from") == "Acme <a@acme.example>"


def test_old_mails_make_room_and_numbers_count_on():
    with Mailbox(keep=2) as small:
        deliver(small, "one", "two", "three")
        assert [m.number for m in small.messages()] == [2, 3]
        assert small.message(1) is None
        small.clear()
        deliver(small, "four")
        assert [(m.number, m.subject) for m in small.messages()] == [(4, "four")]


def test_mails_can_be_asked_for_by_number_and_reader(mailbox):
    deliver(mailbox, "one", "two")
    deliver(mailbox, "three", to="bob@example.org")
    assert [m.subject for m in mailbox.messages(after=1)] == ["two", "three"]
    assert [m.subject for m in mailbox.messages(to="bob@example.org")] == ["three"]


def test_a_mailbox_can_turn_mail_away_as_often_as_told(mailbox):
    mailbox.fail_next(421, 2)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            deliver(mailbox, "refused")
    deliver(mailbox, "taken")
    assert [m.subject for m in mailbox.messages()] == ["taken"]


def test_a_mailbox_that_never_started_can_be_stopped():
    mailbox = Mailbox()
    mailbox.stop()
    assert mailbox.messages() == []


def test_the_list_shows_newest_first_and_pages(site, mailbox):
    deliver(mailbox, *[f"Mail number {n:03}" for n in range(1, PAGE + 3)])
    first = site.get("/").text
    assert first.index(f"Mail number {PAGE + 2:03}") < first.index("Mail number 003")
    assert "Mail number 002" not in first
    assert "/?before=3" in first
    rest = site.get("/?before=3").text
    assert "Mail number 002" in rest
    assert "Mail number 003" not in rest


def test_an_empty_mailbox_says_so(site):
    assert "No mail here yet" in site.get("/").text


def test_the_json_list_goes_on_from_a_number(site, mailbox):
    deliver(mailbox, "one", "two")
    answer = site.get("/api/messages?after=1").json
    assert [m["subject"] for m in answer["messages"]] == ["two"]
    assert answer["received"] == 2


def test_the_json_of_one_mail_has_all_of_it(site, mailbox):
    deliver(mailbox, "one", html="<p>page</p>")
    mail = site.get("/api/messages/1").json
    assert mail["to"] == ["ada@example.org"]
    assert mail["text"].startswith("Text of one")
    assert mail["html"] == "<p>page</p>\n"
    assert mail["links"] == ["http://recover.test/t"]
    assert ["Subject", "one"] in mail["headers"]


@pytest.mark.parametrize("path", ["/m/9", "/m/9/html", "/m/9/raw", "/api/messages/9"])
def test_a_mail_that_is_not_there_is_not_found(site, path):
    assert site.get(path).status_code == 404


@pytest.mark.parametrize(
    ("tab", "shown"),
    [("", "<iframe"), ("?tab=text", "Text of one"), ("?tab=headers", "Message-ID")],
)
def test_a_mail_opens_with_its_parts_in_tabs(site, mailbox, tab, shown):
    deliver(mailbox, "one", html="<p>page</p>")
    assert shown in site.get(f"/m/1{tab}").text


def test_a_mails_html_cannot_run_anything(site, mailbox):
    deliver(mailbox, "<script>alert(1)</script>", html="<script>alert(2)</script>")
    page, mail = site.get("/m/1"), site.get("/m/1/html")
    assert "<script>" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    policy = mail.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox")
    assert "allow-scripts" not in policy
