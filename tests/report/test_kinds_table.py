"""The table by kind of sound, from made-up scores."""

import json
from pathlib import Path

from score_files import write_tables

from flowshot.core.plan import BudgetConfig, PlanConfig
from flowshot.report.results import planned_arms

PLAN = PlanConfig("tiny", ("drums",), ("flow",), (), ("own",), (0,), BudgetConfig(250, 32), None)


def entry(metric: str, embedding: str, value: float) -> dict[str, object]:
    return {"metric": metric, "embedding": embedding, "value": value, "ci_low": None, "ci_high": None, "n": 30}


def table(folder: Path, **of: list[dict[str, object]]) -> Path:
    for dataset, model, prior, seed in planned_arms(PLAN):
        path = folder / "scores" / dataset / model / prior / f"{seed}.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps([entry("fad", "yamnet", 3.0), *of.get(prior, [])]))
    return write_tables(folder, PLAN, folder / "out") / "drums" / "table-kinds.md"


def test_kinds_are_columns_of_reconstructions_and_samples_have_one_of_their_own(tmp_path: Path) -> None:
    kinds = [entry("kid_of_kind", "recorded", 0.02), entry("kid_of_kind", "sampled instrument", 0.01)]
    of_arm = [entry("kid_of_kind", "without rendered synthesizer", 0.03)]
    text = table(tmp_path, reconstruction=kinds, own=of_arm).read_text()
    titles = [cell.split("³ ")[1].rstrip(" ↓") for cell in text.splitlines()[2].split("|")[3:-1]]
    assert titles == ["recorded", "sampled instrument", "without rendered synthesizer"]
    assert "| flow | own | \u2013 | \u2013 | 30.0 |" in text
    assert "| *flow* | *reconstruction* | 20.0 | 10.0 | \u2013 |" in text
    assert "Samples have no kind" in text


def test_without_kinds_there_is_no_such_table(tmp_path: Path) -> None:
    assert not table(tmp_path).exists()
