from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recover.foundation.errors import LinkExpired, LinkInvalid
from recover.foundation.signed_links import MAX_AGE, MAX_TOKEN, Links, Purpose

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
OLD, NEW, OTHER = ("o" * 32, "n" * 32, "x" * 32)
PAYLOAD = {"account": 7, "customer": "cus_1"}


@pytest.fixture
def links():
    return Links([NEW, OLD], "https://recover.example.com/")


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_gives_its_payload_back_until_its_last_second(links, purpose):
    token = links.sign(purpose, PAYLOAD, NOW)
    assert links.read(purpose, token, NOW) == PAYLOAD
    assert links.read(purpose, token, NOW + MAX_AGE[purpose]) == PAYLOAD


@pytest.mark.parametrize("purpose", Purpose)
def test_an_expired_token_still_says_what_it_stood_for(links, purpose):
    token = links.sign(purpose, PAYLOAD, NOW)
    with pytest.raises(LinkExpired) as caught:
        links.read(purpose, token, NOW + MAX_AGE[purpose] + timedelta(seconds=1))
    assert caught.value.payload == PAYLOAD


def test_every_purpose_has_an_age_and_a_salt_of_its_own():
    assert set(MAX_AGE) == set(Purpose)


@pytest.mark.parametrize("made_for", Purpose)
@pytest.mark.parametrize("used_for", Purpose)
def test_a_token_for_one_purpose_opens_no_other(links, made_for, used_for):
    token = links.sign(made_for, PAYLOAD, NOW)
    if made_for is used_for:
        assert links.read(used_for, token, NOW) == PAYLOAD
        return
    with pytest.raises(LinkInvalid):
        links.read(used_for, token, NOW)


def test_the_first_key_signs_and_the_older_one_is_still_accepted(links):
    from_before = Links([OLD], "https://recover.example.com").sign(Purpose.SIGN_IN, PAYLOAD, NOW)
    assert links.read(Purpose.SIGN_IN, from_before, NOW) == PAYLOAD
    fresh = links.sign(Purpose.SIGN_IN, PAYLOAD, NOW)
    assert Links([NEW], "https://x.example").read(Purpose.SIGN_IN, fresh, NOW) == PAYLOAD
    with pytest.raises(LinkInvalid):
        Links([OLD], "https://x.example").read(Purpose.SIGN_IN, fresh, NOW)


def test_an_expired_token_of_an_older_key_is_expired_and_not_invalid(links):
    token = Links([OLD], "https://x.example").sign(Purpose.SIGN_IN, PAYLOAD, NOW)
    with pytest.raises(LinkExpired):
        links.read(Purpose.SIGN_IN, token, NOW + timedelta(hours=1))


def test_a_token_of_a_dropped_key_is_invalid_however_old(links):
    token = Links([OTHER], "https://x.example").sign(Purpose.SIGN_IN, PAYLOAD, NOW)
    with pytest.raises(LinkInvalid):
        links.read(Purpose.SIGN_IN, token, NOW + timedelta(days=9))


def test_clocks_may_differ_a_little_but_a_token_from_the_future_is_invalid(links):
    ahead = links.sign(Purpose.CARD_PAGE, PAYLOAD, NOW + timedelta(minutes=1))
    assert links.read(Purpose.CARD_PAGE, ahead, NOW) == PAYLOAD
    tomorrow = links.sign(Purpose.CARD_PAGE, PAYLOAD, NOW + timedelta(days=1))
    with pytest.raises(LinkInvalid):
        links.read(Purpose.CARD_PAGE, tomorrow, NOW)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "\x00", "x" * (MAX_TOKEN + 1)])
def test_rubbish_is_invalid(links, token):
    with pytest.raises(LinkInvalid):
        links.read(Purpose.CARD_PAGE, token, NOW)


@given(position=st.integers(min_value=0), letter=st.sampled_from("AZaz09_-"))
def test_no_single_changed_letter_opens_a_token(position, letter):
    links = Links([NEW], "https://x.example")
    token = links.sign(Purpose.CARD_PAGE, PAYLOAD, NOW)
    at = position % (len(token) - 1)  # the very last letter carries padding bits nobody reads
    changed = token[:at] + letter + token[at + 1 :]
    if changed == token:
        assert links.read(Purpose.CARD_PAGE, changed, NOW) == PAYLOAD
        return
    with pytest.raises(LinkInvalid):
        links.read(Purpose.CARD_PAGE, changed, NOW)


def test_a_link_is_an_address_of_this_installation_and_safe_in_a_url(links):
    url = links.url("/card/", Purpose.CARD_PAGE, {"customer": "Zoë & co / ?"}, NOW)
    assert url.startswith("https://recover.example.com/card/")
    token = url.rsplit("/", 1)[1]
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert links.read(Purpose.CARD_PAGE, token, NOW) == {"customer": "Zoë & co / ?"}


@pytest.mark.parametrize("keys", [[], [""], [NEW, ""]])
def test_no_key_or_an_empty_one_is_refused(keys):
    with pytest.raises(ValueError, match="secret key"):
        Links(keys, "https://x.example")
