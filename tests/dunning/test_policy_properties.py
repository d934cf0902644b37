"""Whole lives of cases in random worlds, and `decide` on facts that make no sense."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from dunning_cast import days, hours
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recover.dunning import (
    DEFAULT,
    HARD_CODES,
    Card,
    CardUse,
    CaseState,
    Decline,
    DeclineCategory,
    Facts,
    FixedTiming,
    IssuerAnswer,
    Outcome,
    Pace,
    PastAttempt,
    PastMessage,
    Proposal,
    Retry,
    RetryMode,
    RetryPayment,
    SendMessage,
    Stop,
    Trigger,
    Wait,
    decide,
    plan,
    rule_of,
    rules_for,
)
from recover.dunning.assessment import same_number
from recover.dunning.decline_table import TABLE
from recover.dunning.engine import Engine
from recover.dunning.local_time import local
from recover.dunning.outages import over_since

START = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


class Eager:
    """A timing that always wants to try now: every limit has to come from elsewhere."""

    def propose(self, facts, campaign, now):
        return Proposal(Retry(now, "now"), "now")


timings = st.sampled_from(
    [FixedTiming(), Eager(), Engine.default(), replace(Engine.default(), explore=0.5, seed="in_1")]
)
cards = st.builds(
    Card,
    payment_method_id=st.sampled_from(["pm_a", "pm_b", "pm_c"]),
    fingerprint=st.sampled_from(["fp_a", "fp_b", ""]),
    brand=st.sampled_from(["visa", "mastercard", "amex"]),
    country=st.sampled_from(["US", "ES", "IN"]),
    last4=st.just("4242"),
    exp_year=st.sampled_from([2027, 2029]),
)
codes = st.one_of(
    st.sampled_from(["insufficient_funds", "generic_decline", "processing_error"]),
    st.sampled_from(["issuer_not_available", "processing_error"]),
    st.sampled_from(sorted(HARD_CODES)),
    st.sampled_from(sorted(TABLE)),
    st.just("a_code_of_next_year"),
)
declines = st.builds(
    Decline,
    error_code=st.just("card_declined"),
    decline_code=codes,
    advice_code=st.sampled_from(["", "", "do_not_try_again", "try_again_later"]),
    network_decline_code=st.sampled_from(["", "51", "14", "R0"]),
    network_advice_code=st.sampled_from(["", "", "02", "03", "25", "27"]),
)
zones = st.sampled_from(["UTC", "Europe/Madrid", "America/New_York", "Asia/Tokyo", "no zone"])
words = st.builds(  # about other cards of the issuer, in minutes after the first failure
    lambda minute, card, technical: IssuerAnswer(
        START + timedelta(minutes=minute), card, technical
    ),
    st.integers(-60, 60) | st.integers(-60, 3 * 24 * 60),
    st.sampled_from(["a", "b", "c", "d"]),
    st.booleans(),
)
gossip = st.lists(words, max_size=30).map(
    lambda said: tuple(sorted(said, key=lambda word: word.at))
)
DOWN = Decline(error_code="card_declined", decline_code="issuer_not_available")
outages = gossip.map(  # two other cards are turned away with ours; what follows is anything
    lambda said: (
        *(IssuerAnswer(START + timedelta(minutes=5), card, technical=True) for card in "ab"),
        *(word for word in said if word.at > START + timedelta(minutes=5)),
    )
)
instants = st.datetimes(
    datetime(2026, 9, 1),  # noqa: DTZ001  hypothesis adds the zone
    datetime(2027, 2, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def failed(card, decline, **more):
    """A renewal that has just failed for the first time."""
    first = PastAttempt(START, Trigger.STRIPE, Outcome.FAILED, card, decline)
    told = {
        "mode": RetryMode.RECOVER,
        "failed_at": START,
        "invoice_status": "open",
        "amount_remaining_minor": 100,
        "currency": "usd",
        "card": card,
        "attempts": (first,),
    }
    return Facts(**(told | more))


renewals = st.builds(
    failed,
    cards,
    declines,
    mode=st.sampled_from(list(RetryMode)),
    next_stripe_attempt_at=st.sampled_from([None, START + days(1), START + days(3)]),
    timezone=zones,
)

used_before = st.one_of(  # hours before the first failure: hardly, nearly too often, in a burst
    st.lists(st.integers(0, 40 * 24), max_size=6),
    st.lists(st.integers(0, 25 * 24), min_size=10, max_size=20),
    st.lists(st.integers(0, 8), min_size=8, max_size=12),
)


@dataclass
class World:
    """An account in which every try fails, on which Stripe and other invoices charge too."""

    facts: Facts
    now: datetime
    answers: st.DataObject
    timing: object
    uses: list[CardUse] = field(default_factory=list)  # for any invoice
    ours: list[PastAttempt] = field(default_factory=list)
    gossip: tuple[IssuerAnswer, ...] = ()
    ends: list[datetime] = field(default_factory=list)  # of outages that moved a try
    declines: st.SearchStrategy = declines

    def live(self):
        for _ in range(150):
            heard = tuple(word for word in self.gossip if word.at <= self.now)
            self.facts = replace(self.facts, issuer_answers=heard)
            decision = decide(self.facts, DEFAULT, self.timing, self.now)
            if isinstance(decision, Stop):
                return decision
            self.do(decision)
        raise AssertionError("the case never ends")

    def do(self, decision):
        if isinstance(decision, RetryPayment):
            self.check(decision)
            self.attempt(decision.trigger, self.now)
        elif isinstance(decision, SendMessage):
            self.check_mail()
            sent = PastMessage(self.now, decision.template, decision.step)
            self.facts = replace(self.facts, messages=(*self.facts.messages, sent))
        else:
            assert decision.until > self.now
            self.pass_time(decision.until)

    def attempt(self, trigger, at):
        card = self.facts.card
        past = PastAttempt(at, trigger, Outcome.FAILED, card, self.answers.draw(self.declines))
        if trigger is not Trigger.STRIPE:
            self.ours.append(past)
        self.uses.append(CardUse(at, 100, succeeded=False, card=card, decline=past.decline))
        self.tell(attempts=(*self.facts.attempts, past))

    def pass_time(self, until):
        stripe_at = self.facts.next_stripe_attempt_at
        if stripe_at and stripe_at <= until and self.facts.card:
            self.attempt(Trigger.STRIPE, stripe_at)
            self.tell(
                next_stripe_attempt_at=self.answers.draw(
                    st.sampled_from([None, stripe_at + hours(20), stripe_at + days(3)])
                )
            )
        self.now = until + timedelta(minutes=self.answers.draw(st.integers(0, 30)))
        if self.answers.draw(st.integers(0, 9)) == 0:
            self.tell(card=self.answers.draw(cards))

    def tell(self, **changes):
        self.facts = replace(self.facts, **changes)
        card = self.facts.card
        used = [use for use in self.uses if card and same_number(card, use.card)]
        told = tuple(sorted(used, key=lambda use: use.at))
        self.facts = replace(self.facts, card_uses=told)

    def check(self, decision):
        card, past = self.facts.card, self.facts.attempts
        assert card is not None
        self.check_caps(card)
        self.check_bars(card)
        on_this = [p for p in past if p.card is not None and card.same_credentials(p.card)]
        if decision.trigger is Trigger.CARD_UPDATE:
            assert not on_this
            return
        assert self.facts.mode is not RetryMode.STRIPE
        self.check_outage(decision)
        self.check_gaps(card, on_this)

    def check_bars(self, card):
        """Nothing met on any invoice forbids the card."""
        for use in self.uses:
            rule = rule_of(
                PastAttempt(use.at, Trigger.STRIPE, Outcome.FAILED, use.card, use.decline)
            )
            if rule.category is DeclineCategory.NEVER:
                assert not same_number(card, use.card)
            elif rule.bars_card:
                assert not card.same_credentials(use.card)

    def check_caps(self, card):
        rules = rules_for(card.brand, self.now.date())
        times = [use.at for use in self.uses if same_number(card, use.card)]
        assert sum(at > self.now - rules.window for at in times) < rules.max_attempts
        if rules.max_per_day:
            assert sum(at > self.now - days(1) for at in times) < rules.max_per_day

    def check_gaps(self, card, on_this):
        technical = on_this and rule_of(on_this[-1]).pace is Pace.SOON
        gap = hours(2) if technical or not on_this else DEFAULT.min_gap
        times = [use.at for use in self.uses if same_number(card, use.card)]
        assert all(self.now - at >= gap for at in times)
        stripe_at = self.facts.next_stripe_attempt_at
        if stripe_at is not None and stripe_at > self.now:
            assert stripe_at - self.now >= DEFAULT.min_gap

    def check_outage(self, decision):
        if "have answered again since" in decision.reason:
            end = over_since(self.facts)
            assert end not in self.ends
            self.ends.append(end)

    def check_mail(self):
        times = [past.at for past in self.facts.messages]
        assert all(self.now - at >= DEFAULT.message_gap for at in times)
        assert sum(at > self.now - days(7) for at in times) < DEFAULT.messages_per_week
        assert 9 <= local(self.now, self.facts.timezone).hour < 20


@settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(st.data(), renewals, timings, used_before, gossip)
def test_no_life_of_a_case_breaks_a_rule(data, renewal, timing, earlier, said):
    card = renewal.card
    world = World(renewal, START, data, timing, gossip=said)
    world.uses = [*used_by(renewal), *(on_another_invoice(data, card, ago) for ago in earlier)]
    assert end_of(world).state is CaseState.EXHAUSTED


def used_by(renewal):
    return [
        CardUse(p.at, 100, succeeded=False, card=p.card, decline=p.decline)
        for p in renewal.attempts
    ]


def on_another_invoice(data, card, hours_ago):
    """What the card was answered for another of the customer's invoices: seldom for good."""
    soft = st.just(Decline(decline_code="insufficient_funds"))
    decline = data.draw(st.one_of(soft, soft, soft, declines))
    at = START - timedelta(hours=hours_ago)
    return CardUse(at, 100, succeeded=False, card=card, decline=decline)


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), timings, outages, used_before)
def test_no_outage_makes_a_case_break_a_rule(data, timing, said, earlier):
    card = Card("pm_a", fingerprint="fp_a", brand="visa", country="ES")
    renewal = failed(card, DOWN)
    world = World(renewal, START, data, timing, gossip=said)
    world.declines = st.just(DOWN) | declines
    world.uses = [*used_by(renewal), *(on_another_invoice(data, card, ago) for ago in earlier)]
    assert end_of(world).state is CaseState.EXHAUSTED


def end_of(world):
    """How the case ends, after a life within the rules."""
    world.tell()
    end = world.live()
    scheduled = [past for past in world.ours if past.trigger is Trigger.SCHEDULE]
    assert len(scheduled) <= DEFAULT.max_retries
    return end


any_attempts = st.lists(
    st.builds(
        PastAttempt,
        at=instants,
        trigger=st.sampled_from(list(Trigger)),
        outcome=st.sampled_from(list(Outcome)),
        card=st.none() | cards,
        decline=st.none() | declines | st.builds(Decline, *[st.text(max_size=4)] * 7),
    ),
    max_size=6,
)
any_facts = st.builds(
    Facts,
    mode=st.sampled_from(list(RetryMode)),
    failed_at=instants,
    invoice_status=st.sampled_from(["open", "open", "open", "paid", "void", "uncollectible", "?"]),
    amount_remaining_minor=st.integers(-1, 10**9),
    currency=st.sampled_from(["usd", "jpy", ""]),
    subscription_status=st.sampled_from(["past_due", "active", "unpaid", "canceled", ""]),
    card=st.none() | cards,
    next_stripe_attempt_at=st.none() | instants,
    attempts=any_attempts.map(tuple),
    card_uses=st.lists(
        st.builds(
            CardUse, instants, st.just(1), st.booleans(), st.none() | cards, st.none() | declines
        )
    ).map(tuple),
    left_out_by_subscriber=st.booleans(),
    card_saved_for_others=st.booleans(),
    leaving=st.booleans(),
    issuer_answers=gossip
    | st.lists(st.builds(IssuerAnswer, instants, st.text(max_size=1), st.booleans())).map(tuple),
    messages=st.lists(
        st.builds(PastMessage, instants, st.just("t"), st.sampled_from(["", "card-0", "soft-1"]))
    ).map(tuple),
    timezone=zones | st.text(max_size=5),
)


@settings(deadline=None, derandomize=True)
@given(any_facts, instants, timings)
def test_decide_answers_for_any_facts_and_waits_only_for_the_future(told, now, timing):
    decision = decide(told, DEFAULT, timing, now)
    assert decision.reason
    if isinstance(decision, Wait):
        assert decision.until > now
    if told.invoice_status != "open" or told.subscription_status == "canceled":
        assert not isinstance(decision, RetryPayment | SendMessage)
    if told.left_out_by_subscriber or told.leaving:
        assert not isinstance(decision, RetryPayment)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(any_facts, instants, timings)
def test_every_plan_ends(told, now, timing):
    found = plan(told, DEFAULT, timing, now)
    if told.invoice_status != "?":
        assert isinstance(found[-1], Stop)
