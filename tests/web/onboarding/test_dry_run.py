"""The dry run's pages."""

from __future__ import annotations

import re

import pytest
from past_cast import past_of

from recover.onboarding import dry_run, history_import
from recover.reporting import background_reports
from recover.stripe_api.throttle import Pace
from recover.web.onboarding import dry_run as pages

pytest_plugins = ("web_cast",)

AT_ONCE = Pace(pause=lambda seconds: None)


@pytest.fixture
def path(scene):
    return f"/start/{scene.account.id}/dry-run"


def read(scene) -> None:
    while history_import.import_slice(scene.services, scene.account.id, pace=AT_ONCE):
        pass


def work(scene) -> None:
    for report_id in background_reports.due(scene.services):
        dry_run.work(scene.services, background_reports.claim(scene.services, report_id))


def test_before_the_past_is_read_the_page_says_what_comes_first(scene, path):
    client = scene.sign_in()
    assert "The history is not imported yet" in client.get(path).text
    client.post(path, data={"csrf_token": scene.csrf(client, path)})
    assert background_reports.due(scene.services) == []


def test_without_a_failed_renewal_there_is_nothing_to_replay(scene, path):
    read(scene)
    client = scene.sign_in()
    assert "No dry run yet" in client.get(path).text
    scene.post(client, path, path)
    assert "being worked out" in client.get(path).text
    work(scene)
    assert "No renewal failed in the last 90 days" in client.get(path).text


def test_the_figures_come_first_then_each_invoice_with_its_reasons(scene, path, monkeypatch):
    past_of(scene.sandbox, subscribers=80, days=45)
    read(scene)
    monkeypatch.setattr(pages, "PAGE", 2)
    client = scene.sign_in()
    scene.post(client, path, path)
    work(scene)

    text = client.get(path).text
    assert "This page claims no money" in text
    assert text.index("What nobody can know") < text.index("Every invoice, newest first")
    seen, way = [], path
    while way:
        page = client.get(way).text
        seen += re.findall(rf'href="{path}/(in_\w+)"', page)
        older = re.search(r'href="([^"]+)">Older', page)
        way = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen)) >= 3

    one = client.get(f"{path}/{seen[0]}").text
    assert "Both stories, day by day" in one
    assert "The renewal failed" in one
    assert client.get(f"{path}/in_nowhere").status_code == 404
    for nonsense in ("x", "-1", str(2**70)):
        assert client.get(f"{path}?after={nonsense}").status_code == 200
