"""A model is kept as text: it comes back the same, and nothing damaged gets in."""

from __future__ import annotations

import json

import pytest
from engine_cast import PRIOR, case, often, outcomes

from recover.dunning import DEFAULT
from recover.dunning.engine import Engine, Model, update_model


def test_a_saved_model_comes_back_the_same():
    found = update_model(PRIOR, outcomes(50, often))
    model = found.model
    again, warning = Model.from_json(model.to_json())
    assert warning == ""
    assert again.version == model.version
    assert again.parent == PRIOR.version
    assert again.seen == found.used > 0
    told = case(1)
    kept = Engine(model).explain(told, DEFAULT, told.failed_at)
    back = Engine(again).explain(told, DEFAULT, told.failed_at)
    assert back.retry.at == kept.retry.at
    assert back.chance == pytest.approx(kept.chance)


def _changed(change):
    saved = json.loads(PRIOR.to_json())
    change(saved)
    return json.dumps(saved)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "{",
        "null",
        "[]",
        "{}",
        '"model"',
        PRIOR.to_json()[:-200],
        _changed(lambda saved: saved.update(format=99)),
        _changed(lambda saved: saved["model"].update(seen=12)),
        _changed(lambda saved: saved["model"]["causes"].pop("funds")),
        _changed(lambda saved: saved["model"]["causes"].update(funds=[float("nan")] * 6)),
        "[" * 100_000,
    ],
)
def test_an_empty_or_damaged_model_gives_the_prior_and_a_warning(text):
    engine = Engine.from_json(text)
    assert engine.model.version == PRIOR.version
    assert engine.warning
    told = case(1)
    assert engine.warning in engine.explain(told, DEFAULT, told.failed_at).warnings
