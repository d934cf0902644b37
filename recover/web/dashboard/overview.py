"""The founder's first page: what was won back, what is at risk, what was lost, and every case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from flask import session as browser
from werkzeug.wrappers import Response

from recover.compliance import access_log
from recover.dunning import Source
from recover.onboarding.checklist import progress
from recover.reporting import figures
from recover.reporting.figures import Overview, SourceSum
from recover.services import Services
from recover.web import labels, live_or_test
from recover.web.access_control import actor, current_user
from recover.web.dashboard import case_list
from recover.web.dashboard.notices import notices

PERIODS = {"30": "30 days", "90": "90 days", "all": "All time"}
CHART_DAYS = 30
STATES = {
    "all": "All",
    "open": "In progress",
    "recovered": "Recovered",
    "lost": "Lost",
    "aside": "Set aside",
    "doubted": "With a warning",  # offered where there is such a case
}
REFRESH_SECONDS = 4


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for, with anything unknown set to the default."""

    period: str
    state: str
    query: str
    after: str
    live: bool

    def since(self, now: datetime) -> datetime | None:
        return None if self.period == "all" else now - timedelta(days=int(self.period))


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("overview", __name__)

    @routes.get("/")
    def show() -> Response | str:
        filters, now = _filters(), services.now()
        with services.db.read() as session:
            accounts = live_or_test.shown(figures.accounts_of(session, current_user().company_id))
            if not accounts:
                return render_template(
                    "dashboard/overview_empty.html", base_url=services.links.base_url
                )
            waiting = progress.unfinished(session, accounts)
            if waiting and not request.args and not browser.get("start_shown"):
                browser["start_shown"] = True  # once: from then on the band leads there
                return redirect(url_for("web.checklist.show", account_id=waiting.id), 303)
            band = progress.checklist(services, session, waiting) if waiting else None
            ids = [account.id for account in accounts]
            overview = figures.overview(session, ids, filters.since(now))
            currency = overview.recovered[0].currency if overview.recovered else ""
            daily = figures.daily(session, ids, currency, now=now, days=CHART_DAYS)
            cases = case_list.page(
                session, ids, state=filters.state, query=filters.query, after=filters.after
            )
            notes = notices(session, accounts, now)
        if filters.query:
            access_log.note_search(services, actor(), current_user().company_id)
        return render_template(
            "dashboard/overview.html",
            filters=filters,
            accounts=accounts,
            overview=overview,
            cases=cases,
            notices=notes,
            ours=_recovered_by_us(overview),
            bars=bars(daily),
            daily=daily,
            currency=currency,
            periods=PERIODS,
            states=STATES,
            timezone=accounts[0].timezone or "UTC",
            refresh=REFRESH_SECONDS,
            address=_query_args,
            shares=shares(overview),
            sources=by_source(overview),
            band=band,
        )

    return routes


def _filters() -> Filters:
    args = request.args
    period, state = args.get("period", "30"), args.get("state", "all")
    return Filters(
        period=period if period in PERIODS else "30",
        state=state if state in STATES else "all",
        query=args.get("q", "").strip()[: case_list.MAX_QUERY],
        after=args.get("after", ""),
        live=args.get("live") == "1",
    )


def _query_args(filters: Filters, **changes: str) -> dict[str, str]:
    """The query arguments of this page with some changed; a change of filter starts at the top."""
    values = {"period": filters.period, "state": filters.state, "q": filters.query}
    values |= {"live": "1"} if filters.live else {}
    standard = {"period": "30", "state": "all"}
    return {k: v for k, v in (values | changes).items() if v and standard.get(k) != v}


def _recovered_by_us(overview: Overview) -> dict[str, int]:
    """Net money by currency that Recover itself had a hand in."""
    sums: dict[str, int] = {}
    for one in overview.sources:
        if one.source in labels.OURS:
            sums[one.currency] = sums.get(one.currency, 0) + one.amount_minor
    return sums


def by_source(overview: Overview) -> list[tuple[Source, list[SourceSum]]]:
    """The sources, those with most invoices first, each with its sums by currency."""
    found: dict[Source, list[SourceSum]] = {}
    for one in overview.sources:
        found.setdefault(one.source, []).append(one)
    return sorted(found.items(), key=lambda item: -sum(one.invoices for one in item[1]))


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart, in its coordinates: 10 wide each, 100 high."""

    x: int
    y: float
    height: float
    tone: str


def bars(daily: list[tuple[datetime, int]]) -> list[Bar]:
    """Bars from a base line; a day on which more was given back than won hangs below it."""
    top = max((amount for _, amount in daily), default=0)
    bottom = min((amount for _, amount in daily), default=0)
    scale = 96 / ((max(top, 0) - min(bottom, 0)) or 1)
    base = 2 + max(top, 0) * scale
    return [
        Bar(
            x=number * 10,
            y=base - max(amount, 0) * scale,
            height=abs(amount) * scale,
            tone="good" if amount >= 0 else "bad",
        )
        for number, (_, amount) in enumerate(daily)
    ]


@dataclass(frozen=True, slots=True)
class Share:
    label: str
    tone: str
    count: int
    x: float
    width: float


def shares(overview: Overview) -> list[Share]:
    """The parts of the bar that shows what became of failed invoices, as percentages of it."""
    cohort = overview.cohort
    parts = (
        ("recovered", "good", cohort.recovered),
        ("lost", "bad", cohort.lost),
        ("still in progress", "warn", cohort.unfinished),
        ("set aside", "quiet", cohort.set_aside),
    )
    found, x = [], 0.0
    for label, tone, count in parts:
        width = 100 * count / (cohort.failed or 1)
        found.append(Share(label, tone, count, x, width))
        x += width
    return found
