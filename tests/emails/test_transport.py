"""Sending, over real sockets: the four endings of a mail, and headers that cannot be broken."""

import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from emails.envelope import Outgoing, mailbox_address, message_id, to_message
from emails.smtp_url import parse_smtp_url
from emails.transport import Mailer
from recover.foundation.errors import DeliveryUncertain, MailRefused, MailUnavailable
from sandbox.mailbox import Mailbox

MAIL = Outgoing(
    to="ada@example.org",
    subject="Your payment to Acme didn't go through",
    text="Hello,\n\n.a line that starts with a dot\nGrüße\n",
    html="<p>Hello, <a href='https://recover.example.com/c/1'>here</a></p>\n",
    sender="billing@acme.example",
    sender_name="Acme, Inc.",
    reply_to="help@acme.example",
    sent_at=datetime(2026, 11, 27, 8, 0, tzinfo=UTC),
    message_id="<abc@recover.example.com>",
)


@pytest.fixture
def mailbox():
    with Mailbox() as running:
        yield running


@pytest.fixture
def mailer(mailbox):
    return Mailer(mailbox.url, helo="recover.test")


def parsed(outgoing):
    return message_from_bytes(to_message(outgoing).as_bytes(), policy=default)


@contextmanager
def scripted_server(*replies):
    """A server that says one thing after another, whatever it hears; None hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk():
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            for reply in replies:
                if reply is None:
                    return
                connection.sendall(reply)
                if not lines.readline():
                    return

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield Mailer(f"smtp://127.0.0.1:{listener.getsockname()[1]}", timeout=5, helo="h")
    finally:
        listener.close()
        thread.join()


def test_a_mail_arrives_as_it_was_written(mailer, mailbox):
    mailer.send(MAIL)
    [mail] = mailbox.messages()
    assert mail.to == ("ada@example.org",)
    assert mail.sender == "billing@acme.example"
    assert mail.from_ == '"Acme, Inc." <billing@acme.example>'
    assert mail.subject == MAIL.subject
    assert mail.text == MAIL.text
    assert mail.html == MAIL.html
    assert mail.message_id == MAIL.message_id
    assert mail.header("Date") == "Fri, 27 Nov 2026 08:00:00 +0000"
    assert mail.header("Reply-To") == "help@acme.example"


def test_a_mail_says_that_a_machine_sent_it(mailer, mailbox):
    mailer.send(MAIL)
    [mail] = mailbox.messages()
    assert mail.header("Auto-Submitted") == "auto-generated"
    assert mail.header("X-Entity-Ref-ID") == "abc@recover.example.com"
    assert mail.header("Content-Type").startswith("multipart/alternative")


def test_a_stop_link_becomes_the_unsubscribe_headers(mailer, mailbox):
    link = "https://recover.example.com/stop/" + "x" * 400
    mailer.send(replace(MAIL, stop_link=link))
    mailer.send(MAIL)
    stoppable, plain = mailbox.messages()
    assert stoppable.header("List-Unsubscribe") == f"<{link}>"
    assert stoppable.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    assert plain.header("List-Unsubscribe") == ""


def test_long_ids_and_links_travel_unbroken():
    long = replace(
        MAIL, message_id=f"<{'a' * 120}@example.com>", stop_link=f"https://e.com/{'b' * 300}"
    )
    raw = to_message(long).as_bytes()
    assert f"Message-ID: <{'a' * 120}@example.com>\r\n".encode() in raw
    assert f"List-Unsubscribe: <https://e.com/{'b' * 300}>\r\n".encode() in raw


def test_no_line_is_longer_than_smtp_allows():
    mail = replace(MAIL, html="<p>" + "x" * 5000 + "ü</p>", subject="Ü" * 200)
    raw = to_message(mail).as_bytes()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert parsed(mail)["Subject"] == "Ü" * 200


def test_the_same_key_gives_the_same_message_id():
    assert message_id("case:1:first", "example.com") == message_id("case:1:first", "example.com")
    assert message_id("case:1:first", "example.com") != message_id("case:2:first", "example.com")
    assert parsed(replace(MAIL, message_id=message_id("k", "example.com")))["Message-ID"]


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hello\r\nBcc: all@example.com"},
        {"subject": "Hello\nBcc: all@example.com"},
        {"sender_name": "Acme\r\nBcc: all@example.com"},
        {"to": "ada@example.org\r\nBcc: all@example.com"},
        {"to": "ada@example.org, all@example.com"},
        {"sender": "a@b.example\nX: y"},
        {"reply_to": "a@b.example\r\nBcc: all@example.com"},
        {"message_id": "<a@b>\r\nBcc: all@example.com"},
        {"stop_link": "https://e.com/\r\nBcc: all@example.com"},
        {"stop_link": "https://e.com/> <mailto:x@example.com"},
        {"headers": {"X-Case": "1\r\nBcc: all@example.com"}},
        {"headers": {"X: y\r\nBcc": "all@example.com"}},
        {"headers": {"To": "all@example.com"}},
    ],
)
def test_no_value_can_add_a_header_or_a_reader(mailer, mailbox, changes):
    with pytest.raises(MailRefused):
        mailer.send(replace(MAIL, **changes))
    assert mailbox.messages() == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@x.org",
        "a b@x.org",
        "a@b@c.org",
        "<a@x.org>",
        ".a@x.org",
        "a..b@x.org",
        "a@x..org",
        "a" * 65 + "@x.org",
        "a@" + "x" * 260 + ".org",
        "a\0@x.org",
    ],
)
def test_what_is_not_an_address_is_refused_as_the_recipients_fault(mailer, address):
    with pytest.raises(MailRefused) as refused:
        mailer.send(replace(MAIL, to=address))
    assert refused.value.recipient_refused


def test_a_bad_sender_is_not_the_recipients_fault(mailer):
    with pytest.raises(MailRefused) as refused:
        mailer.send(replace(MAIL, sender="nobody"))
    assert not refused.value.recipient_refused


def test_an_international_domain_is_sent_in_ascii():
    assert mailbox_address("ada@bücher.example") == "ada@xn--bcher-kva.example"


def test_an_international_address_reaches_a_server_that_knows_them(mailer, mailbox):
    mailer.send(replace(MAIL, to="zoë@example.org"))
    assert mailbox.messages()[0].to == ("zoë@example.org",)


def test_an_international_address_is_refused_where_the_server_knows_none():
    with scripted_server(b"220 hi\r\n", b"250 old\r\n", b"221 bye\r\n") as mailer:
        with pytest.raises(MailRefused, match="international") as refused:
            mailer.send(replace(MAIL, to="zoë@example.org"))
        assert refused.value.recipient_refused


def test_a_refused_address_is_final(mailer, mailbox):
    mailbox.fail_next(550)
    with pytest.raises(MailRefused, match=r"refused the address ada@example\.org: 550") as refused:
        mailer.send(MAIL)
    assert refused.value.recipient_refused
    mailer.send(MAIL)
    assert mailbox.received == 1


@pytest.mark.parametrize("stage", ["mail", "data"])
def test_a_refused_message_or_sender_does_not_condemn_the_address(mailer, mailbox, stage):
    mailbox.fail_next(554, at=stage)
    with pytest.raises(MailRefused, match="554") as refused:
        mailer.send(MAIL)
    assert not refused.value.recipient_refused


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("code", [421, 450])
def test_a_temporary_answer_can_be_tried_again(mailer, mailbox, stage, code):
    mailbox.fail_next(code, at=stage)
    with pytest.raises(MailUnavailable, match=str(code)):
        mailer.send(MAIL)
    mailer.send(MAIL)
    assert mailbox.received == 1


def test_a_server_that_is_not_there_can_be_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(MailUnavailable, match=str(port)):
        Mailer(f"smtp://127.0.0.1:{port}").send(MAIL)


def test_a_server_that_says_nothing_can_be_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(MailUnavailable):
            Mailer(f"smtp://127.0.0.1:{port}", timeout=0.05).send(MAIL)


@pytest.mark.parametrize("kept", [True, False])
def test_a_connection_lost_after_the_message_leaves_its_fate_unknown(mailer, mailbox, kept):
    mailbox.hang_up_next(keep=kept)
    with pytest.raises(DeliveryUncertain):
        mailer.send(MAIL)
    assert mailbox.received == kept


def test_a_connection_lost_before_the_message_is_only_a_delay():
    with scripted_server(b"220 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", None) as m:  # noqa: SIM117 - the server stays up around the assertion
        with pytest.raises(MailUnavailable):
            m.send(MAIL)


def test_a_refused_password_is_mended_by_a_person_and_never_shown():
    replies = (b"220 hi\r\n", b"250-ok\r\n250 AUTH PLAIN\r\n", b"535 no\r\n", b"221 bye\r\n")
    with scripted_server(*replies) as mailer:
        mailer._server = replace(mailer._server, username="acme", password="hunter2")
        with pytest.raises(MailUnavailable, match="535 no") as error:
            mailer.send(MAIL)
    assert "hunter2" not in str(error.value) + repr(mailer) + repr(mailer._server)


def test_a_server_without_tls_is_never_given_the_mail_in_the_clear(mailbox):
    with pytest.raises(MailUnavailable):
        Mailer(mailbox.url.replace("smtp://", "smtp+starttls://")).send(MAIL)
    assert mailbox.received == 0


def test_a_server_that_breaks_off_after_taking_the_mail_has_taken_it():
    ok = b"250 ok\r\n"
    dialogue = (b"220 hi\r\n", ok, ok, ok, b"354 go\r\n")
    listener = socket.create_server(("127.0.0.1", 0))
    taken = []

    def talk():
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            for reply in dialogue:
                connection.sendall(reply)
                lines.readline()
            while (line := lines.readline()) not in (b".\r\n", b""):
                taken.append(line)
            connection.sendall(ok)

    thread = threading.Thread(target=talk)
    thread.start()
    Mailer(f"smtp://127.0.0.1:{listener.getsockname()[1]}", timeout=5, helo="h").send(MAIL)
    thread.join()
    listener.close()
    assert b"Subject: " + MAIL.subject.encode() in b"".join(taken)


@pytest.mark.parametrize(
    ("url", "host", "port", "security"),
    [
        ("smtp://localhost:2525", "localhost", 2525, "none"),
        ("smtp://mail.example.com", "mail.example.com", 25, "none"),
        ("smtp+starttls://u:p@mail.example.com", "mail.example.com", 587, "starttls"),
        ("smtps://u:p@[::1]/", "::1", 465, "tls"),
    ],
)
def test_a_mail_servers_address_is_read(url, host, port, security):
    server = parse_smtp_url(url)
    assert (server.host, server.port, server.security) == (host, port, security)


def test_special_characters_of_a_password_are_percent_encoded():
    server = parse_smtp_url("smtps://me%40acme.example:p%2Fw%23%40@mail.example.com")
    assert (server.username, server.password) == ("me@acme.example", "p/w#@")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "http://me:hunter2@mail.example.com",
        "smtp://me:hunter2@",
        "smtp://me:hunter2@mail.example.com:port",
        "smtp://me:hunter2/x@mail.example.com",
        "smtp://me:hunter2#x@mail.example.com",
        "smtp://me:hunter2?x@mail.example.com",
        "smtp://hunter2@mail.example.com",
        "smtp://mail.example.com/?password=hunter2",
        "smtp://[hunter2",
    ],
)
def test_a_wrong_address_is_explained_without_repeating_a_password(url):
    with pytest.raises(ValueError, match="the mail server's address") as error:
        Mailer(url)
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None
