from datetime import date, timedelta

import pytest
from dunning_cast import declined
from hypothesis import given
from hypothesis import strategies as st

from recover.dunning import HARD_CODES, SUBSCRIBER_REASONS, Decline, DeclineCategory, Pace, classify
from recover.dunning.declines import TABLE


def _words(text):
    return text.split()


CARD_CODES = _words("""
approve_with_id authentication_not_handled authentication_required call_issuer card_not_supported
card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction
expired_card fraudulent generic_decline incorrect_address incorrect_cvc incorrect_number
incorrect_pin incorrect_zip insufficient_funds invalid_account invalid_amount invalid_cvc
invalid_expiry_month invalid_expiry_year invalid_number invalid_pin issuer_not_available lost_card
merchant_blacklist mobile_device_authentication_required new_account_information_available
no_action_taken not_permitted offline_pin_required online_or_offline_pin_required pickup_card
pin_try_exceeded processing_error reenter_transaction restricted_card
revocation_of_all_authorizations revocation_of_authorization security_violation service_not_allowed
stolen_card stop_payment_order testmode_decline transaction_not_allowed try_again_later
withdrawal_count_limit_exceeded
""")
OTHER_CODES = _words("""
partner_generic_decline invalid_customer_account payment_limit_exceeded invalid_billing_agreement
partner_expired_card partner_processing_error partner_insufficient_funds partner_invalid_currency
partner_invalid_amount invalid_business_account partner_high_risk_customer compliance_violation
payment_disputed invalid_authorization invalid_payment_information partner_payment_not_found
expired_payment_information partner_duplicate_transaction recurring_not_supported_by_bank
partner_action_not_supported lost_or_stolen_card card_already_activated invalid_track_data
""")
CONCEALED = _words("""
lost_card stolen_card lost_or_stolen_card pickup_card restricted_card fraudulent merchant_blacklist
highest_risk_level partner_high_risk_customer rule security_violation
""")

LATER, NEVER = DeclineCategory.RETRY_LATER, DeclineCategory.NEVER
NEW_CARD, ACT = DeclineCategory.NEW_PAYMENT_METHOD, DeclineCategory.CUSTOMER_ACTION


def test_there_are_fifty_card_codes_and_the_table_knows_each_of_them():
    assert len(set(CARD_CODES)) == 50
    assert set(CARD_CODES) | set(OTHER_CODES) <= set(TABLE)


def test_every_row_is_known_speaks_plainly_and_has_a_copy_for_the_subscriber():
    for code, rule in TABLE.items():
        assert rule.code == code
        assert rule.known
        assert rule.text.endswith(".")
        assert rule.subscriber_reason in SUBSCRIBER_REASONS


def test_a_pace_is_given_exactly_where_a_retry_makes_sense():
    for rule in TABLE.values():
        assert (rule.pace is Pace.NONE) == (rule.category is not LATER)


@pytest.mark.parametrize("code", CONCEALED)
def test_reasons_of_theft_and_fraud_are_never_told_to_the_subscriber(code):
    rule = classify(declined(code))
    assert not rule.disclose
    assert rule.subscriber_reason == "generic"


def test_whatever_may_not_be_told_takes_the_generic_copy():
    for rule in TABLE.values():
        assert rule.disclose or rule.subscriber_reason == "generic"


def test_no_text_shown_to_subscribers_could_name_theft_or_fraud():
    told = [rule.text.lower() for rule in TABLE.values() if rule.disclose]
    for word in ("lost ", "stolen", "fraud", "block"):
        assert not [text for text in told if f" {word}" in text and "track" not in text]


def test_stripes_nine_hard_codes_all_bar_the_card():
    assert len(HARD_CODES) == 9
    for code in HARD_CODES:
        rule = classify(declined(code))
        assert rule.bars_card
        assert rule.category is not LATER


@pytest.mark.parametrize(
    ("code", "category", "pace", "reason"),
    [
        ("insufficient_funds", LATER, Pace.PAYDAY, "insufficient_funds"),
        ("do_not_honor", LATER, Pace.DAY, "bank_declined"),
        ("issuer_not_available", LATER, Pace.SOON, "technical"),
        ("card_velocity_exceeded", LATER, Pace.DAY, "limit"),
        ("expired_card", NEW_CARD, Pace.NONE, "expired"),
        ("incorrect_cvc", NEW_CARD, Pace.NONE, "details"),
        ("transaction_not_allowed", NEW_CARD, Pace.NONE, "card_problem"),
        ("authentication_required", ACT, Pace.NONE, "authentication"),
        ("lost_card", NEVER, Pace.NONE, "generic"),
        ("stop_payment_order", NEVER, Pace.NONE, "bank_declined"),
    ],
)
def test_common_codes_call_for_what_an_engineer_expects(code, category, pace, reason):
    rule = classify(declined(code))
    assert (rule.category, rule.pace, rule.subscriber_reason) == (category, pace, reason)


@pytest.mark.parametrize(
    "code",
    [
        "invalid_billing_agreement",
        "invalid_authorization",
        "compliance_violation",
        "invalid_payment_information",
        "currency_not_supported",
        "invalid_amount",
    ],
)
def test_what_stripe_says_cannot_succeed_is_not_retried(code):
    assert classify(declined(code)).pace is Pace.NONE


def test_an_unknown_code_is_retried_slowly_and_flagged():
    rule = classify(declined("a_code_of_next_year"), "visa")
    assert (rule.code, rule.known) == ("a_code_of_next_year", False)
    assert (rule.category, rule.pace, rule.subscriber_reason) == (LATER, Pace.DAY, "generic")


def test_without_a_decline_code_the_error_code_decides():
    assert classify(Decline(error_code="expired_card")).subscriber_reason == "expired"


def test_a_telling_error_code_wins_over_an_unknown_decline_code():
    rule = classify(Decline(error_code="expired_card", decline_code="a_code_of_next_year"))
    assert rule.code == "expired_card"


def test_no_word_at_all_is_an_unknown_decline():
    assert not classify(None).known
    assert not classify(Decline()).known


@pytest.mark.parametrize(
    "network_code", ["04", "07", "12", "14", "15", "41", "43", "46", "R0", "r1"]
)
def test_visa_category_one_forbids_the_card_whatever_stripe_calls_it(network_code):
    decline = declined("generic_decline", network_decline_code=network_code)
    assert classify(decline, "visa").category is NEVER
    assert classify(decline, "mastercard").category is LATER


def test_visa_57_is_forbidden_from_the_day_the_rule_took_effect():
    decline = declined("generic_decline", network_decline_code="57")
    assert classify(decline, "visa", on=date(2026, 10, 24)).category is LATER
    assert classify(decline, "visa", on=date(2026, 10, 25)).category is NEVER
    assert classify(decline, "visa").category is NEVER


def test_a_stolen_card_reported_by_visa_alone_is_not_disclosed():
    rule = classify(declined("generic_decline", network_decline_code="43"), "visa")
    assert (rule.disclose, rule.subscriber_reason) == (False, "generic")


def test_revocation_by_network_code_is_a_wish_to_cancel():
    assert classify(declined("do_not_honor", network_decline_code="R1"), "visa").cancel_intent
    assert classify(declined("do_not_honor", network_advice_code="21"), "mastercard").cancel_intent
    assert classify(declined("stop_payment_order")).cancel_intent
    assert not classify(declined("lost_card")).cancel_intent


@pytest.mark.parametrize("advice", ["03", "21", "42"])
def test_mastercards_prohibitions_bind_only_on_mastercard(advice):
    decline = declined("insufficient_funds", network_advice_code=advice)
    assert classify(decline, "mastercard").category is NEVER
    assert classify(decline, "visa").category is LATER


@pytest.mark.parametrize("advice", ["01", "04", "40", "41", "43"])
def test_some_mastercard_advice_asks_for_another_card(advice):
    rule = classify(declined("do_not_honor", network_advice_code=advice), "mastercard")
    assert rule.category is NEW_CARD


@pytest.mark.parametrize(
    ("advice", "wait"),
    [
        ("02", 72),
        ("24", 1),
        ("25", 24),
        ("26", 48),
        ("27", 96),
        ("28", 144),
        ("29", 192),
        ("30", 240),
    ],
)
def test_mastercards_forecast_is_a_not_before(advice, wait):
    rule = classify(declined(network_advice_code=advice), "mastercard")
    assert (rule.category, rule.not_before) == (LATER, timedelta(hours=wait))


def test_a_forecast_does_not_revive_a_hard_code():
    rule = classify(declined("lost_card", network_advice_code="25"), "mastercard")
    assert (rule.category, rule.not_before) == (NEVER, None)


def test_do_not_try_again_forbids_this_card():
    rule = classify(declined("insufficient_funds", advice_code="do_not_try_again"))
    assert rule.category is NEVER
    assert rule.bars_card


def test_wrong_details_behind_a_generic_decline_ask_for_the_card_again():
    rule = classify(declined("generic_decline", advice_code="confirm_card_data"))
    assert (rule.category, rule.subscriber_reason) == (NEW_CARD, "details")


def test_a_block_by_stripe_dressed_as_a_generic_decline_is_not_blamed_on_the_bank():
    rule = classify(declined("generic_decline", outcome_type="blocked"))
    assert (rule.code, rule.disclose) == ("blocked", False)


words = st.one_of(st.sampled_from(sorted(TABLE)), st.text(max_size=8))
codes = st.sampled_from(["", "14", "43", "57", "R0", "51", "03", "21", "25", "30", "41", "zz"])


@given(
    words,
    words,
    words,
    codes,
    codes,
    st.sampled_from(["", "blocked"]),
    st.sampled_from(["", "visa", "mastercard", "amex"]),
)
def test_any_words_give_a_rule_and_hard_codes_never_soften(
    error, code, advice, network, mac, outcome, brand
):
    decline = Decline(error, code, advice, network, mac, outcome)
    rule = classify(decline, brand)
    assert rule.disclose or rule.subscriber_reason == "generic"
    if code in HARD_CODES:
        assert rule.bars_card
        assert rule.category is not LATER
