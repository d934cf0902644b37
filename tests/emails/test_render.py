"""The mails themselves: what is said, to whom, and that nothing a person typed can break them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from emails import company_mails, people_mails, render, subscriber_mails
from emails.billing import Bill, Reader, ShownCard
from emails.brand import Brand, contrast
from emails.decline_copy import REASONS, copy_for
from emails.preview import samples, write_previews
from emails.reader_format import card_name, day, expiry_month, greeting, one_line

LINK = "https://recover.example.com/c/token?a=1&b=2"
STOP = "https://recover.example.com/stop/token"
BRAND = Brand("Acme", website_url="https://app.acme.example/", support_email="help@acme.example")
FRIDAY = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)

SAMPLES = [pytest.param(brand, mail, id=name) for name, brand, mail in samples()]
TO_SUBSCRIBERS = [one for one in SAMPLES if not one.id.startswith("company_")]


def failed(brand=BRAND, **changes):
    values = {
        "reason": "generic",
        "amount_minor": 1999,
        "currency": "usd",
        "link": LINK,
        "card_brand": "visa",
        "card_last4": "4242",
        "invoice_number": "A-17",
        "product": "Team plan",
        "customer_name": "Ada Lovelace",
    }
    values |= changes

    def some(**names):
        return {field: values.pop(name) for field, name in names.items() if name in values}

    reader = some(name="customer_name", locale="locale", timezone="timezone", stop_link="stop_link")
    bill = some(
        amount_minor="amount_minor", currency="currency", product="product", number="invoice_number"
    )
    card = some(brand="card_brand", last4="card_last4", exp_month="exp_month", exp_year="exp_year")
    return subscriber_mails.payment_failed(
        brand, Reader(**reader), Bill(**bill), ShownCard(**card), **values
    )


def prose(text):
    """Plain text as one line, so that wrapping does not matter."""
    return " ".join(text.split())


class Reading(HTMLParser):
    """What a reader sees, and where the links lead."""

    def __init__(self, html):
        super().__init__()
        self.links, self.words, self.tags, self._hidden = [], [], [], False
        self.feed(html)
        self.text = prose(" ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._hidden = tag in {"style", "title"}
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_endtag(self, tag):
        self._hidden = False

    def handle_data(self, data):
        if not self._hidden:
            self.words.append(data)


@pytest.mark.parametrize(("brand", "mail"), SAMPLES)
def test_every_mail_is_whole(brand, mail):
    for part in (mail.subject, mail.text, mail.html):
        assert not re.search(r"\{\{|\{%|%\}|\}\}|\bNone\b|<mj-|\{card\}|\{company\}", part)
    assert mail.subject
    assert brand.company_name in mail.text
    assert brand.company_name in Reading(mail.html).text.replace("&amp;", "&")


@pytest.mark.parametrize(("brand", "mail"), SAMPLES)
def test_every_subject_is_one_short_line(brand, mail):
    assert "\n" not in mail.subject
    assert len(mail.subject) <= 78


@pytest.mark.parametrize(("brand", "mail"), TO_SUBSCRIBERS)
def test_no_mail_names_what_an_issuer_may_suspect(brand, mail):
    seen = (mail.subject + mail.text + Reading(mail.html).text).lower()
    for word in ("lost", "stolen", "fraud", "suspicious", "block", "pick up", "pickup"):
        assert word not in seen


@pytest.mark.parametrize(("brand", "mail"), SAMPLES)
def test_text_and_html_lead_to_the_same_places(brand, mail):
    in_text = set(re.findall(r"https?://\S+", mail.text))
    in_html = {link for link in Reading(mail.html).links if link.startswith("http")}
    assert in_html == in_text


@pytest.mark.parametrize(("brand", "mail"), SAMPLES)
def test_text_and_html_say_the_same_words(brand, mail):
    """Every sentence of the plain text's body is in the HTML, but for the words about its link."""
    body = prose(mail.text.split("\n-- \n")[0].split("\n\n", 1)[1])
    html = Reading(mail.html).text
    wanted = [s for s in re.split(r"(?<=\.) ", body) if len(s) > 20 and "http" not in s]
    assert [s for s in wanted if not loosely_in(s, html)] == []


def loosely_in(sentence, html):
    squeeze = re.compile(r"[\s:]+")
    known = squeeze.sub("", html).replace("This button", "This link")
    words = squeeze.sub("", sentence)
    return words in known or "signsyouin" in words or "link" in sentence


@pytest.mark.parametrize(("brand", "mail"), SAMPLES)
def test_no_line_of_plain_text_is_longer_than_its_longest_word_needs(brand, mail):
    too_long = [line for line in mail.text.splitlines() if len(line) > 76 and " " in line]
    assert too_long == []


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_has_its_own_words_about_what_happened(reason):
    others = {copy.happened for name, copy in REASONS.items() if name != reason}
    assert REASONS[reason].happened not in others
    said = prose(failed(reason=reason).text)
    assert REASONS[reason].remedy in said
    assert REASONS[reason].button in said


def test_a_reason_nobody_wrote_words_for_is_told_in_general_ones():
    assert copy_for("unheard_of") is REASONS["generic"]
    assert failed(reason="unheard_of") == failed(reason="generic")


def test_a_planned_try_is_announced_for_the_readers_own_day():
    late = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
    mail = failed(next_try_at=late, timezone="Asia/Tokyo", locale="en-GB")
    assert "We'll try again on Saturday, 28 November 2026." in prose(mail.text)
    assert "no further try" not in mail.text


def test_without_a_planned_try_none_is_promised():
    said = prose(failed(next_try_at=None).text)
    assert "try again on" not in said
    assert "We have no further try planned with this card." in said


def test_a_later_notice_reads_as_a_reminder():
    assert failed(notice=2).subject == "Reminder: your payment to Acme is still open"
    assert "still haven't been able" in prose(failed(notice=2).text)
    assert failed(notice=1).subject == "Your payment to Acme didn't go through"


def test_a_card_that_expired_is_named_with_the_month_on_record_where_there_is_one():
    said = prose(failed(reason="expired", exp_month=10, exp_year=2026).text)
    assert "4242 (valid until October 2026 in our records) has expired," in said
    assert "ending in 4242 has expired, so" in prose(failed(reason="expired").text)


def test_amounts_follow_the_readers_locale_and_the_currencys_decimals():
    assert "19,99\xa0€" in failed(currency="eur", locale="de-DE").text
    assert "¥1,999" in failed(currency="jpy").text
    assert "1.999" in failed(currency="kwd").text


def test_a_mail_proves_itself_with_what_only_sender_and_reader_know():
    said = prose(failed().text)
    assert "This email names your invoice number and the last four digits of your card." in said
    assert "Is this really" not in failed(invoice_number="", card_last4="", card_brand="").text


def test_the_way_to_log_in_as_usual_is_offered_where_there_is_one():
    assert "Log in at https://app.acme.example/ as usual" in prose(failed().text)
    assert "Log in" not in failed(Brand("Acme")).text + failed(Brand("Acme")).html


def test_the_way_to_stop_is_offered_only_where_it_exists():
    with_it = failed(stop_link=STOP)
    assert f"Stop these emails: {STOP}" in with_it.text
    assert STOP in Reading(with_it.html).links
    assert "Stop these emails" not in failed().text + failed().html


def test_the_link_survives_escaping():
    mail = failed()
    assert LINK in mail.text
    assert LINK in Reading(mail.html).links


@pytest.mark.parametrize("link", ["javascript:alert(1)", "//evil.example", "https://a b", ""])
def test_a_sign_in_mail_with_a_link_that_is_no_web_address_is_not_written(link):
    with pytest.raises(ValueError, match="link"):
        subscriber_mails.sign_in_link("Recover", link, 15)


def test_an_invitation_says_who_invites_whereto_and_for_what():
    said = prose(
        people_mails.invitation(
            "Recover", company="Acme", inviter="ada@acme.test", may="Sees all.", link=LINK, days=7
        ).text
    )
    for part in ("ada@acme.test invites you", "of Acme on Recover", "Sees all.", "for 7 days"):
        assert part in said


def test_what_an_inviter_typed_stays_one_line_and_text():
    mail = people_mails.invitation(
        "Recover", company="<b>Acme\nBcc: x", inviter="a@b.test", may="", link=LINK, days=7
    )
    assert mail.subject == "Join <b>Acme Bcc: x on Recover"
    assert "<b>Acme" not in mail.html


@pytest.mark.parametrize("argument", ["link", "stop_link"])
def test_a_script_address_never_gets_into_a_mail(argument):
    with pytest.raises(ValueError, match=argument):
        failed(**{argument: "javascript:alert(1)"})


def test_markup_in_names_is_shown_not_obeyed():
    evil = '<script>alert("x")</script><b>'
    mail = failed(
        Brand(evil, postal_address=evil), product=evil, invoice_number=evil, card_brand=evil
    )
    tags = Reading(mail.html).tags
    assert "script" not in tags
    assert "b" not in tags
    assert evil in mail.text


def test_a_template_in_a_name_is_shown_not_run():
    mail = failed(product="{{ 7 * 7 }} {% raw %}")
    assert "{{ 7 * 7 }} {% raw %}" in prose(mail.text)
    assert "{{ 7 * 7 }}" in Reading(mail.html).text


def test_line_breaks_in_names_cannot_reach_the_subject():
    mail = failed(Brand("Acme\r\nBcc: everyone@example.com"))
    assert mail.subject == "Your payment to Acme Bcc: everyone@example.com didn't go through"


def test_a_long_company_name_leaves_the_subject_readable():
    mail = failed(Brand("A" * 200))
    assert len(mail.subject) < 70
    assert "A" * 200 in mail.text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada Lovelace", "Hi Ada Lovelace,"),
        ("  Zoë\n Ångström ", "Hi Zoë Ångström,"),
        ("李小龍", "Hi 李小龍,"),
        ("", "Hello,"),
        ("ada@example.com", "Hello,"),
        ("Win now www.evil.example", "Hello,"),
        ("https://evil.example", "Hello,"),
        ("x" * 41, "Hello,"),
        ("\u202eevil", "Hi evil,"),
    ],
)
def test_a_greeting_is_never_a_vehicle_for_something_else(name, expected):
    assert greeting(name) == expected


def test_a_card_is_named_as_its_holder_knows_it():
    assert card_name("amex", "0005") == "American Express card ending in 0005"
    assert card_name("new_scheme", "1") == "New scheme card ending in 1"
    assert card_name("", "") == "saved payment method"


def test_days_are_english_in_the_order_of_the_readers_region():
    assert day(FRIDAY, "en-US") == "Friday, November 27, 2026"
    assert day(FRIDAY, "de-DE") == "Friday, 27 November 2026"
    assert day(FRIDAY, "ja") == "Friday, 27 November 2026"
    assert expiry_month(2, 2027) == "February 2027"


@pytest.mark.parametrize("zone", ["", "Not/AZone", "../etc", "Europe", "\0"])
def test_an_unknown_time_zone_is_read_as_utc(zone):
    assert day(FRIDAY, "en-GB", zone) == "Friday, 27 November 2026"


@pytest.mark.parametrize("locale", ["", "xx-YY", "de_DE_DE_DE", "😀"])
def test_an_unknown_locale_still_gets_a_mail(locale):
    assert "1,999" in failed(currency="jpy", locale=locale, next_try_at=FRIDAY).text


def test_a_time_in_any_zone_is_the_same_moment():
    east = FRIDAY.astimezone(timezone(timedelta(hours=12)))
    assert day(east, "en") == day(FRIDAY, "en")


def test_control_characters_are_dropped_and_joiners_kept():
    assert one_line("a\u0000b\u202ec\n\td") == "abc d"
    assert one_line("क्\u200dष") == "क्\u200dष"


@pytest.mark.parametrize("color", ["#000", "#ffffff", "#ffdd33", "#5b3df5", "#777777", "#e11d48"])
def test_a_buttons_words_can_be_read_on_any_colour(color):
    assert contrast(Brand("Acme", color=color).ink, color) >= 4.4


def test_contrast_is_the_standards():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)


def test_a_button_can_be_seen_on_its_background_in_the_light_and_in_the_dark():
    assert Brand("Acme", color="#ffffff").edge != "#ffffff"
    assert Brand("Acme", color="#111111").edge_in_the_dark != "#111111"
    assert Brand("Acme", color="#c81e5b").edge == "#c81e5b"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("company_name", " \n"),
        ("color", "red"),
        ("color", "#12345"),
        ("color", "#fff;background:url(x)"),
        ("logo_url", "javascript:x"),
        ("website_url", "ftp://acme.example"),
        ("logo_url", 'https://acme.example/"onload="x'),
    ],
)
def test_a_brand_no_mail_could_carry_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        Brand(**{"company_name": "Acme"} | {field: value})


def test_a_logo_carries_the_companys_name_for_those_who_do_not_see_it():
    html = failed(Brand("Acme & Co", logo_url="https://acme.example/l.png?a=1&b=2")).html
    assert 'src="https://acme.example/l.png?a=1&amp;b=2"' in html
    assert 'alt="Acme &amp; Co"' in html


def test_html_states_its_language_and_works_in_the_dark():
    html = failed().html
    assert '<html lang="en"' in html
    assert '<meta name="color-scheme" content="light dark"' in html
    assert "prefers-color-scheme: dark" in html
    layout_tables = re.findall(r"<table(?![^>]*role=\"presentation\")[^>]*>", html)
    assert len(layout_tables) == 1  # the details, which are a table indeed
    assert html.count("<h1") == 1


def test_the_inbox_preview_comes_first_in_the_html():
    assert Reading(failed(next_try_at=FRIDAY).html).text.startswith("$19.99 for Team plan.")


def test_nothing_is_fetched_and_nothing_tracks_the_reader():
    html = failed(stop_link=STOP).html
    assert not re.search(r"<(img|script|iframe|link)\b|@import|url\(", html)


def test_each_template_is_compiled_once(monkeypatch):
    compiled = []
    real = render.mjml2html
    monkeypatch.setattr(render, "mjml2html", lambda s, **k: compiled.append(1) or real(s, **k))
    render._html_template.cache_clear()
    first, second = failed(), failed(reason="expired")
    assert first != second
    assert len(compiled) == 1


def test_a_template_that_does_not_compile_is_named(monkeypatch, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/layout.mjml").write_text(
        '<mjml><mj-body><mj-include path="body" /></mj-body></mjml>'
    )
    (tmp_path / "odd").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "odd/body.mjml").write_text("<mj-bogus></mj-bogus>")
    (tmp_path / "torn/body.mjml").write_text("<mj-section>")
    monkeypatch.setattr(render, "TEMPLATES", tmp_path)
    with pytest.raises(render.TemplateBroken, match=r"odd/body\.mjml: unknown element mj-bogus"):
        render._html_template.__wrapped__("odd")
    with pytest.raises(render.TemplateBroken, match=r"torn/body\.mjml"):
        render._html_template.__wrapped__("torn")


def test_a_value_a_template_misses_is_an_error_not_a_gap():
    with pytest.raises(UndefinedError):
        render.render("thank_you", {}, BRAND)


def test_there_is_a_function_and_a_sample_for_every_template():
    homes = (subscriber_mails, company_mails, people_mails)
    made = [name for home in homes for name in render.template_names() if hasattr(home, name)]
    assert sorted(made) == render.template_names()
    sampled = {name.split("-")[0] for name, _, _ in samples()}
    assert sampled == set(render.template_names())


def test_previews_are_files_for_every_sample(tmp_path):
    index = write_previews(tmp_path / "out")
    listed = index.read_text()
    for name, _, mail in samples():
        assert f'href="{name}.html"' in listed
        assert (index.parent / f"{name}.html").read_text() == mail.html
        assert (index.parent / f"{name}.txt").read_text() == mail.text
        assert b"multipart/alternative" in (index.parent / f"{name}.eml").read_bytes()


def test_thanks_name_the_new_card_only_where_there_is_one():
    paid = BRAND, Reader(), Bill(1999, "usd"), ShownCard("visa", "1881")
    assert "next payments too" in prose(subscriber_mails.thank_you(*paid, new_card=True).text)
    assert "next payments too" not in prose(subscriber_mails.thank_you(*paid).text)


def test_thanks_have_a_button_only_where_there_is_an_invoice_to_see():
    paid = BRAND, Reader(), Bill(1999, "usd"), ShownCard()
    assert "See your invoice" not in subscriber_mails.thank_you(*paid).html
    with_link = subscriber_mails.thank_you(*paid, receipt_link=LINK)
    assert LINK in Reading(with_link.html).links
    assert LINK in with_link.text
