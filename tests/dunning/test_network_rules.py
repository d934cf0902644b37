from datetime import date, timedelta

import pytest

from recover.dunning import rules_for
from recover.dunning.network_rules import CEILING, DEFAULT_RETRIES, visa_category


def test_our_own_caps_are_those_recommended():
    assert (DEFAULT_RETRIES, CEILING) == (8, 15)


@pytest.mark.parametrize(
    "network", ["visa", "mastercard", "amex", "discover", "never heard of", ""]
)
@pytest.mark.parametrize("on", [date(2019, 1, 1), date(2025, 5, 24), date(2026, 11, 1)])
def test_no_network_is_ever_allowed_more_than_the_ceiling(network, on):
    assert 0 < rules_for(network, on).max_attempts <= CEILING
    assert rules_for(network, on).window == timedelta(days=30)


def test_visa_has_a_row_for_the_day_its_limit_rose():
    assert rules_for("visa", date(2025, 5, 24)).in_force_from == date(2000, 1, 1)
    assert rules_for("visa", date(2025, 5, 25)).in_force_from == date(2025, 5, 25)


def test_mastercard_also_limits_a_day():
    assert rules_for("mastercard", date(2026, 11, 1)).max_per_day == 10
    assert rules_for("visa", date(2026, 11, 1)).max_per_day is None


def test_bank_debits_have_stripes_own_ceilings():
    ach = rules_for("us_bank_account", date(2026, 11, 1))
    assert (ach.max_attempts, ach.window) == (3, timedelta(days=40))
    assert rules_for("acss_debit", date(2026, 11, 1)).max_attempts == 2


def test_a_day_before_all_rules_takes_the_oldest():
    assert rules_for("visa", date(1990, 1, 1)).in_force_from == date(2000, 1, 1)
    assert visa_category("14", date(1990, 1, 1)) == 1


@pytest.mark.parametrize(
    ("code", "category"), [("14", 1), ("51", 2), ("54", 3), ("05", 4), ("", 4)]
)
def test_visa_codes_fall_into_visas_four_categories(code, category):
    assert visa_category(code) == category


def test_visa_57_was_a_not_now_before_it_was_a_never():
    assert visa_category("57", date(2026, 10, 24)) == 2
    assert visa_category("57", date(2026, 10, 25)) == 1
