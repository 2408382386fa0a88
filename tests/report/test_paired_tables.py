"""Arms against `no_nf`, external systems, and marks of too few clips, in reports of made-up scores."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel
from score_files import write_tables

from flowshot.core.errors import FlowshotError
from flowshot.core.plan import BudgetConfig, PlanConfig
from flowshot.report.paired import influence_error, seeds_error, t_test
from flowshot.report.registry import EMBEDDINGS
from flowshot.report.results import Influence, planned_arms
from flowshot.scoring.embeddings.registry import EMBEDDERS


def make_plan(
    seeds: tuple[int, ...] = (0,), autoencoders: tuple[str, ...] = ("no_nf", "flow"), generators: tuple[str, ...] = ()
) -> PlanConfig:
    return PlanConfig("tiny", ("drums",), autoencoders, generators, ("own", "nf"), seeds, BudgetConfig(250, 32), None)


def entry(metric: str, value: float, n: int = 120, **details: object) -> dict[str, object]:
    number = {
        "metric": metric,
        "embedding": "yamnet",
        "value": value,
        "ci_low": value - 1,
        "ci_high": value + 1,
        "n": n,
    }
    return number | {"dimensions": 1024} | details


def write(folder: Path, arm: tuple[str, str, str, int], *entries: dict[str, object]) -> None:
    path = folder.joinpath("scores", *map(str, arm[:3]), f"{arm[3]}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries))


def write_plan(folder: Path, plan: PlanConfig, **values: float) -> None:
    """FAD 20 of every arm but those named, as `flow_own=10.0`; influences that let a difference of 1 be chance."""
    for arm in planned_arms(plan):
        value = values.get(f"{arm[1]}_{arm[2]}", 20.0) + 0.1 * arm[3]
        influence = {"candidate_variance": 0.5, "reference": {"a": 3.0, "b": -2.0, "c": -1.0}}
        write(folder, arm, entry("fad", value, influence=influence))


def build(folder: Path, plan: PlanConfig) -> Path:
    return write_tables(folder, plan, folder / "out")


def test_trainings_are_paired_by_seed() -> None:
    differences = pd.Series([1.0 - 2.0, 1.5 - 2.2, 0.5 - 1.9])
    test = ttest_rel([1.0, 1.5, 0.5], [2.0, 2.2, 1.9])
    found = t_test(differences.mean(), seeds_error(differences), 0.95)
    assert found == pytest.approx((differences.mean(), *test.confidence_interval(), test.pvalue))
    assert t_test(0.0, seeds_error(pd.Series([0.0, 0.0])), 0.95)[-1] == 1


def test_what_the_reference_does_to_both_distances_cancels() -> None:
    wild = {f"s{i}": float(value) for i, value in enumerate(np.random.default_rng(0).normal(size=40) * 100)}
    _, low, high, p = t_test(1.0, influence_error(Influence(0.01, wild), Influence(0.01, wild)), 0.95)
    assert high - low < 1 and p < 1e-6
    other = Influence(0.01, {name: -value for name, value in wild.items()})
    assert t_test(1.0, influence_error(Influence(0.01, wild), other), 0.95)[-1] > 0.5


def test_one_seed_is_compared_on_its_clips_and_says_so(tmp_path: Path) -> None:
    plan = make_plan()
    write_plan(tmp_path, plan, flow_own=10.0, flow_nf=19.5)
    out = build(tmp_path, plan)
    markdown = (out / "drums/table-paired-fad.md").read_text()
    assert "mean FAD YAMNet | difference YAMNet | p (Holm) YAMNet" in markdown
    assert "over clips (not over trainings)" in markdown and "2 comparisons of a column" in markdown
    rows = {
        tuple(cell.strip() for cell in line.split("|")[1:3]): line for line in markdown.splitlines() if "| flow" in line
    }
    assert "| -10.0 \\[-" in rows["flow", "own"]
    p_own, p_nf = (float(rows["flow", prior].split("|")[-2]) for prior in ("own", "nf"))
    assert p_own == pytest.approx(0.0197, abs=1e-3) and p_nf > 0.5


def test_several_seeds_have_t_intervals_of_means_and_differences(tmp_path: Path) -> None:
    plan = make_plan(seeds=(0, 1))
    write_plan(tmp_path, plan, flow_own=10.0)
    markdown = (build(tmp_path, plan) / "drums/table-paired-fad.md").read_text()
    row = next(line for line in markdown.splitlines() if line.startswith("| flow | own |"))
    assert r"| 10.1 \[9.4, 10.7\] | -10.0 \[-10.0, -10.0\] | 0.000 |" in row
    assert "over 2 seeds" in markdown


@pytest.mark.parametrize("autoencoders", [("flow", "other"), ("no_nf",)])
def test_without_a_baseline_or_rivals_there_is_no_such_table(tmp_path: Path, autoencoders: tuple[str, ...]) -> None:
    plan = make_plan(autoencoders=autoencoders)
    write_plan(tmp_path, plan)
    assert not list((build(tmp_path, plan) / "drums").glob("table-paired-*"))


def test_a_generator_is_compared_with_the_first_prior_of_the_baseline(tmp_path: Path) -> None:
    plan = make_plan(generators=("gan",))
    write_plan(tmp_path, plan, gan_direct=10.0, no_nf_nf=30.0)
    markdown = (build(tmp_path, plan) / "drums/table-paired-fad.md").read_text()
    assert r"| gan | direct | 10.0 | -10.0 \[" in markdown and "3 comparisons of a column" in markdown
    assert "Generators have no prior; they are compared with no\\_nf / own." in markdown


def test_a_number_from_too_few_clips_for_its_dimension_is_marked(tmp_path: Path) -> None:
    plan = make_plan()
    write_plan(tmp_path, plan)
    for arm in planned_arms(plan):
        write(tmp_path, arm, entry("fad", 5.0, n=1025), entry("kid", 0.1), entry("fad_infinity", 3.0, n=1025))
    write(tmp_path, ("drums", "flow", "own", 0), entry("fad", 4.0, n=1024), entry("kid", 0.1))
    out = build(tmp_path, plan)
    quality, distances = ((out / f"drums/table-{name}.md").read_text() for name in ("quality", "distances"))
    assert "| flow | own | **4.00**† \\[3.00, 5.00\\] |" in quality and quality.count("†") == 2  # one in the caption
    assert "3.00†" in distances and "† Too few clips" in distances
    assert r"{\bfseries\boldmath\num{4.00}}$^\dagger$" in (out / "drums/table-quality.tex").read_text()


def test_an_external_system_is_a_row_of_its_own_marked_as_such(tmp_path: Path) -> None:
    plan = make_plan()
    write_plan(tmp_path, plan)
    write(tmp_path, ("drums", "external", "Some GAN", 0), entry("fad", 1.0))
    write(tmp_path, ("my folder", "external", "Some GAN", 0), entry("fad", 2.0))
    out = build(tmp_path, plan)
    quality = (out / "drums/table-quality.md").read_text()
    assert "| *external* | *Some GAN* | 1.0† \\[" in quality and "External systems were not trained here" in quality
    assert "**1.0**" not in quality  # it does not compete with the arms
    alone = (out / "my folder/table-quality.md").read_text()
    assert "*Some GAN*" in alone and "Budget" not in alone and "floor" not in alone


def test_damaged_scores_of_an_external_system_name_their_remedy(tmp_path: Path) -> None:
    plan = make_plan()
    write_plan(tmp_path, plan)
    write(tmp_path, ("drums", "external", "gan", 0))
    with pytest.raises(FlowshotError, match="holds no scores; score it again with `flowshot score --as gan`"):
        build(tmp_path, plan)


def test_every_embedding_has_a_title() -> None:
    assert set(EMBEDDERS) <= set(EMBEDDINGS)
