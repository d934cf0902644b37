import pytest

from recover.dunning import DEFAULT, SUBSCRIBER_REASONS, DeclineCategory, campaign


def test_an_open_case_finds_the_campaign_it_began_with():
    assert campaign("default", 1) is DEFAULT


def test_a_campaign_nobody_knows_is_named_in_the_error():
    with pytest.raises(KeyError, match='no campaign "winter" version 7; there are: default ver'):
        campaign("winter", 7)


def test_step_keys_are_unique_and_fall_within_the_window():
    keys = [step.key for step in DEFAULT.steps]
    assert len(keys) == len(set(keys))
    assert all(step.after < DEFAULT.window for step in DEFAULT.steps)


def test_steps_name_only_templates_and_reasons_that_exist():
    templates = {step.template for step in DEFAULT.steps}
    assert templates == {"payment_failed", "authentication_needed", "last_notice"}
    assert all(step.reasons <= SUBSCRIBER_REASONS for step in DEFAULT.steps)


@pytest.mark.parametrize("category", list(DeclineCategory))
def test_every_category_has_a_mail_before_the_last_notice(category):
    steps = [step for step in DEFAULT.steps if category in step.categories]
    assert len(steps) >= 4
    assert steps[-1].template == "last_notice"
