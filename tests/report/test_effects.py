"""Main effects of a factorial of autoencoders, in reports of made-up scores."""

import json
from pathlib import Path

import pytest
from score_files import write_tables

from flowshot.core.plan import BudgetConfig, PlanConfig
from flowshot.report.results import planned_arms

FACTORIAL = {
    "no_nf": {"posterior_flow": "none", "prior_flow": "none"},
    "nf_posterior": {"posterior_flow": "iaf", "prior_flow": "none"},
    "nf_prior": {"posterior_flow": "none", "prior_flow": "nsf"},
    "nf_both": {"posterior_flow": "iaf", "prior_flow": "nsf"},
}


def build(folder: Path, models: dict[str, dict[str, str]], seeds: tuple[int, ...], values: dict[str, float]) -> Path:
    """A report of FADs of 20, or those of `values`, with other training parameters of each model."""
    plan = PlanConfig("tiny", ("drums",), tuple(models), (), ("own", "nf"), seeds, BudgetConfig(250, 32), None)
    for dataset, model, prior, seed in planned_arms(plan):
        value = values.get(f"{model}/{prior}", values.get(model, 20.0)) + 0.1 * seed
        score = {
            "metric": "fad", "embedding": "yamnet", "value": value, "ci_low": value - 1, "ci_high": value + 1, "n": 120,
            "dimensions": 1024,
            "influence": {"candidate_variance": 0.5, "reference": {"a": 3.0, "b": -2.0, "c": -1.0}},
        }  # fmt: skip
        path = folder / "scores" / dataset / model / prior / f"{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([score]))
    for model, parameters in models.items():
        for seed in seeds:
            for place, name, said in (
                ("models", "diagnostics.json", {"kl": 1.0}),
                ("runs/train", "run.json", {"parameters": {"model": parameters, "train": {"beta": 0.03}}}),
            ):
                path = folder / place / "drums" / model / str(seed) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(said))
    return write_tables(folder, plan, folder / "out") / "drums"


def row_of(folder: Path, *labels: str) -> list[str]:
    lines = (folder / "table-effects.csv").read_text().splitlines()
    return next(line.split(",") for line in lines if line.startswith(",".join(labels)))[2:]


def test_a_factor_has_the_mean_difference_of_all_pairs_that_differ_in_it_alone(tmp_path: Path) -> None:
    out = build(tmp_path, FACTORIAL, (0,), {"nf_posterior": 18.0, "nf_prior/own": 10.0, "nf_both/own": 4.0})
    difference, low, high, p = row_of(out, "posterior_flow: iaf", "own")
    assert float(difference) == -4.0  # of -2 and -6
    # Two pairs of two arms with a variance of 0.5 each.
    assert (float(high) - float(low)) / 2 == pytest.approx(1.96 * 0.5**0.5, abs=0.06) and p == "< 0.001"
    assert float(row_of(out, "prior_flow: nsf", "own")[0]) == -12.0  # of -10 and -14
    assert float(row_of(out, "prior_flow: nsf", "nf")[0]) == 1.0  # of 0 and 2
    assert float(row_of(out, "prior_flow: nsf", "nf")[3]) > 0.05


def test_over_seeds_the_trainings_vary_and_not_the_clips_alone(tmp_path: Path) -> None:
    out = build(tmp_path, FACTORIAL, (0, 1, 2), {"nf_posterior": 18.0, "nf_both": 18.0})
    assert float(row_of(out, "posterior_flow: iaf", "own")[0]) == -2.0
    assert "3 seeds" in (out / "table-effects.md").read_text()


def test_without_a_factorial_there_is_no_table(tmp_path: Path) -> None:
    """Of a single pair the pairwise comparison says the same, and two changes at once are no factor."""
    changed = {"no_nf": FACTORIAL["no_nf"], "nf_prior": FACTORIAL["nf_prior"], "other": {"posterior_flow": "maf"}}
    assert not list(build(tmp_path, changed, (0,), {}).glob("table-effects*"))


def test_where_trainings_are_not_known_here_there_is_no_table(tmp_path: Path) -> None:
    assert not list(build(tmp_path, {name: {} for name in FACTORIAL}, (0,), {}).glob("table-effects*"))
