"""Issuers: they answer authorisations from the truth of the card, with noise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sandbox.answers import APPROVED, Answer, decline
from sandbox.cards import CardTruth
from sandbox.chance import Chance
from sandbox.latent import CODES, Cause, Episode, begin, pick
from sandbox.world import World

# Mastercard's advice "retry after", by how long it says to wait.
_ADVICE_WAITS = (
    ("24", timedelta(hours=1)),
    ("25", timedelta(hours=24)),
    ("26", timedelta(days=2)),
    ("27", timedelta(days=4)),
    ("28", timedelta(days=6)),
    ("29", timedelta(days=8)),
    ("30", timedelta(days=10)),
)
_EUROPE = frozenset({"GB", "DE", "FR", "NL"})


@dataclass(frozen=True, slots=True)
class Authorisation:
    """One request to an issuer."""

    at: datetime
    amount_minor: int
    currency: str
    invoice_id: str = ""
    invoice_created_at: datetime | None = None
    authenticated: bool = False  # the cardholder has just passed 3-D Secure


class Issuers:
    """All issuers of a world. Answers depend on the seed, the card and the moment alone."""

    def __init__(self, world: World, chance: Chance) -> None:
        self.world = world
        self.chance = chance
        ranks = range(1, world.issuers.count + 1)
        self.out_of_order: set[int] = set()  # by a test's order, on top of the world's outages
        self._sizes = {str(rank - 1): 1 / rank for rank in ranks}

    def assign(self, *name: object) -> int:
        """An issuer for a new card; a few are very large (Zipf)."""
        return int(pick(self._sizes, self.chance.unit("issuer", *name)))

    def updates(self, card: CardTruth) -> bool:
        """True where this issuer tells the networks' updaters about new numbers and dates."""
        numbers = self.world.issuers
        share = numbers.updater_us if card.country == "US" else numbers.updater_elsewhere
        return self.chance.unit("updates", card.issuer, card.country == "US") < share

    def planned_failure(self, *renewal: object, country: str = "US") -> tuple[Cause, str] | None:
        """What will go wrong with this renewal, if anything: (cause, decline code)."""
        if self.chance.unit("fails", *renewal) >= self.world.billing.failure_rate:
            return None
        weights = dict(self.world.causes)
        if country in _EUROPE:
            weights["authentication"] *= 3
        cause = Cause(pick(weights, self.chance.unit("cause", *renewal)))
        codes = self.world.codes.get(cause, CODES[cause])
        return cause, pick(codes, self.chance.unit("code", *renewal))

    def begin(self, card: CardTruth, cause: Cause, code: str, at: datetime) -> Episode:
        """Put the card into trouble from ``at`` on."""
        card.tries.clear()
        card.episode = begin(
            cause,
            code,
            at,
            rng=self.chance.rng("episode", card.fingerprint, at),
            world=self.world,
            country=card.country,
            funding=card.funding,
            timezone=card.timezone,
        )
        return card.episode

    def authorise(self, card: CardTruth, request: Authorisation) -> Answer:
        answer = self._answer(card, request)
        if answer.approved:
            card.episode = None
            card.tries.clear()
        else:
            card.tries.append(request.at)
        return answer

    def _answer(self, card: CardTruth, request: Authorisation) -> Answer:
        if card.script:
            code = card.script.popleft()
            return decline(code, card.brand) if code else APPROVED
        if must_authenticate(card) and not request.authenticated:
            return decline("authentication_required", card.brand)
        if card.behaviour.on_charge:
            return decline(card.behaviour.on_charge, card.brand)
        episode = card.episode
        if episode is None:
            down = self.down(card.issuer, request.at)
            return decline("issuer_not_available", card.brand) if down else APPROVED
        if self._passes(card, episode, request):
            return APPROVED
        return decline(episode.code, card.brand, mac=self._advice(card, episode, request.at))

    def _passes(self, card: CardTruth, episode: Episode, request: Authorisation) -> bool:
        if episode.cause is Cause.AUTHENTICATION and request.authenticated:
            return True
        if self.world.calm:
            return self._passes_calmly(card, episode, request)
        numbers = self.world.recovery
        if not episode.open_at(request.at) or self.down(card.issuer, request.at):
            likely = numbers.approve_closed
        else:
            likely = numbers.approve_open * self.weather(card, request.at)
        return self.chance.unit("auth", card.fingerprint, request.at) < likely

    def _passes_calmly(self, card: CardTruth, episode: Episode, request: Authorisation) -> bool:
        created = request.invoice_created_at or request.at
        day = (request.at - created).days
        if day == 0:
            return False
        likely = self.world.calm[episode.cause]
        return self.chance.unit("calm", request.invoice_id, day, card.fingerprint) < likely

    def weather(self, card: CardTruth, at: datetime) -> float:
        """What makes an issuer grumpier: the night, many tries, and a second try too soon."""
        numbers = self.world.recovery
        factor = 1.0
        hour = at.astimezone(ZoneInfo(card.timezone)).hour
        if 1 <= hour < 4:
            factor *= numbers.night_factor
        elif 9 <= hour < 18:
            factor *= numbers.daytime_factor
        factor *= float(numbers.fatigue ** max(0, len(card.tries) - 3))
        if card.tries and at - card.tries[-1] < timedelta(hours=6):
            factor *= numbers.second_within_6h
        return factor

    def down(self, issuer: int, at: datetime) -> bool:
        if issuer in self.out_of_order:
            return True
        if issuer < 0 or not self.world.issuers.outages_per_month:
            return False
        return any(start <= at < end for start, end in self.outages(issuer, at))

    def outages(self, issuer: int, at: datetime) -> list[tuple[datetime, datetime]]:
        """This issuer's outages in the calendar month of ``at``."""
        rng = self.chance.rng("outages", issuer, at.year, at.month)
        shortest, longest = (60 * hours for hours in self.world.issuers.outage_hours)
        month = datetime(at.year, at.month, 1, tzinfo=UTC)
        windows: list[tuple[datetime, datetime]] = []
        moment = month
        while True:
            moment += timedelta(days=rng.expovariate(self.world.issuers.outages_per_month / 30))
            if moment.month != month.month:
                return windows
            windows.append((moment, moment + timedelta(minutes=rng.uniform(shortest, longest))))

    def _advice(self, card: CardTruth, episode: Episode, at: datetime) -> str:
        """A Mastercard "retry after" code: right more often than not, where it is sent at all."""
        numbers = self.world.issuers
        applies = card.brand == "mastercard" and episode.code == "insufficient_funds"
        if not applies or self.chance.unit("advises", card.issuer) >= numbers.advice_share:
            return ""
        rng = self.chance.rng("advice", card.fingerprint, at)
        if card.issuer < 0 or rng.random() >= 0.6:
            return ""
        opens = episode.next_open(at)
        wait = opens - at if opens else timedelta(days=10)
        index = next((i for i, (_, most) in enumerate(_ADVICE_WAITS) if wait <= most), 6)
        if rng.random() < 0.3:
            index = min(6, max(0, index + rng.choice([-1, 1])))
        return _ADVICE_WAITS[index][0]


def must_authenticate(card: CardTruth) -> bool:
    """True for a card that wants 3-D Secure when charged without the cardholder."""
    wanted = card.behaviour.authenticate
    return wanted == "always" or (wanted == "unless_set_up" and not card.set_up)
