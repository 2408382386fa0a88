"""The script of the planted cases, on one seed; `reports/checks/planted.md` has eight."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "scripts/planted_collapse.py"


@pytest.fixture(scope="module")
def planted():
    spec = importlib.util.spec_from_file_location("planted_collapse", PATH)
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses look for the types of their fields.
    sys.modules["planted_collapse"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["planted_collapse"]


@pytest.mark.parametrize(("number", "steps"), [(0, 60), (1, 150), (2, 10), (3, 60)])
def test_every_planted_case_has_its_verdict_after_a_short_training(planted, number, steps):
    case = planted.CASES[number]
    outcome = planted.run((case, 0, steps))
    assert outcome.diagnosis.verdict == case.verdict, outcome.diagnosis.reason
    text = planted.page([outcome], steps)
    assert f"| {case.name} | `{case.verdict}` | 1 of 1 |" in text and "1 seed," in text


def test_what_has_barely_been_trained_is_untrained_and_not_collapsed(planted):
    assert planted.run((planted.CASES[0], 0, 3)).diagnosis.verdict == "untrained"


def test_a_wrong_verdict_is_counted_as_wrong(planted):
    from dataclasses import replace

    outcome = planted.run((planted.CASES[2], 1, 2))
    wrong = replace(outcome, diagnosis=replace(outcome.diagnosis, verdict="healthy"))
    assert "| 1 of 2 |" in planted.page([outcome, wrong], 2)
