"""Arms against `no_nf`, external systems, and marks of too few clips, in reports of made-up scores."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel
from score_files import write_tables

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.core.plan import BudgetConfig, PlanConfig
from flowshot.report.config import ReportConfig
from flowshot.report.page.answer import answer, main_distances
from flowshot.report.project import Project
from flowshot.report.registry import EMBEDDINGS
from flowshot.report.results import planned_arms, read_report
from flowshot.scoring.embeddings.registry import EMBEDDERS


def make_plan(
    seeds: tuple[int, ...] = (0,),
    autoencoders: tuple[str, ...] = ("no_nf", "flow"),
    generators: tuple[str, ...] = (),
    priors: tuple[str, ...] = ("own", "nf"),
) -> PlanConfig:
    return PlanConfig("tiny", ("drums",), autoencoders, generators, priors, seeds, BudgetConfig(250, 32), None)


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


def row_of(folder: Path, *labels: str, metric: str = "fad") -> list[str]:
    """The cells of a row of the comparisons: difference, p, found from, verdict."""
    lines = (folder / f"drums/table-paired-{metric}.csv").read_text().splitlines()
    return next(line.split(",") for line in lines if line.startswith(",".join(labels)))[2:]


def test_one_seed_is_compared_on_its_clips_and_says_so(tmp_path: Path) -> None:
    plan = make_plan()
    write_plan(tmp_path, plan, flow_own=10.0, flow_nf=19.5)
    out = build(tmp_path, plan)
    markdown = (out / "drums/table-paired-fad.md").read_text()
    assert (
        "| arm | against | FAD difference YAMNet | p (Holm) YAMNet | "
        "detectable difference YAMNet | verdict YAMNet |" in markdown
    )
    assert "over clips (not over trainings)" in markdown
    assert "2 comparisons of autoencoders and 2 of priors" in markdown
    difference, _, high, p, found_from, verdict = row_of(out, "flow / own", "no_nf / own")
    # The influences of the reference are the same in both arms, so what is left are two variances of 0.5.
    assert (float(difference), float(high)) == (-10.0, pytest.approx(-10 + 1.96, abs=0.06))
    assert (p, float(found_from), verdict) == ("< 0.001", pytest.approx(1.96 + 0.84, abs=0.06), "differs")
    *_, p, _, verdict = row_of(out, "flow / nf", "no_nf / nf")
    assert float(p) == pytest.approx(0.617, abs=0.01) and verdict == "inconclusive"


def test_each_family_is_corrected_by_itself_and_priors_are_compared_within_an_autoencoder(tmp_path: Path) -> None:
    plan = make_plan()
    write_plan(tmp_path, plan, flow_own=17.5)
    out = build(tmp_path, plan)
    alone, priors = row_of(out, "flow / own", "no_nf / own"), row_of(out, "flow / nf", "flow / own")
    assert float(priors[0]) == 2.5 == -float(alone[0]) and priors[3] == alone[3] == "0.025"  # 2 times 0.0124
    assert not (out / "drums/table-paired-fad.md").read_text().count("| flow / own | no\\_nf / nf |")


def test_several_seeds_are_paired_and_what_lies_between_them_counts(tmp_path: Path) -> None:
    plan = make_plan(seeds=(0, 1, 2))
    write_plan(tmp_path, plan)
    wild = {f"s{i}": float(value) for i, value in enumerate(np.random.default_rng(0).normal(size=40) * 100)}
    for seed, (own, other) in enumerate(zip((1.0, 1.5, 0.5), (2.0, 2.2, 1.9), strict=True)):
        for arm in planned_arms(plan):
            value = {"flow": own, "no_nf": other}.get(arm[1], 0.0)
            influence = {"candidate_variance": 0.001, "reference": wild}
            write(
                tmp_path,
                (*arm[:3], seed if arm[1] in ("flow", "no_nf") else arm[3]),
                entry("fad", value, influence=influence),
            )
    out = build(tmp_path, plan)
    test = ttest_rel([1.0, 1.5, 0.5], [2.0, 2.2, 1.9])
    difference, low, high, p, *_ = (float(cell) for cell in row_of(out, "flow / own", "no_nf / own")[:4])
    assert (difference, low, high) == pytest.approx((-1.03, *test.confidence_interval()), abs=0.01)
    assert p == pytest.approx(2 * test.pvalue, abs=0.001)
    markdown = (out / "drums/table-paired-fad.md").read_text()
    assert "Differences over 3 seeds" in markdown and "the variance between seeds is part of them" in markdown


def test_arms_are_equal_within_a_share_of_what_separates_them_from_the_floor(tmp_path: Path) -> None:
    plan = make_plan()
    for floor, verdict in ((10.0, "inconclusive"), (-60.0, "equivalent")):
        write_plan(tmp_path, plan, real_real=floor)
        out = write_tables(tmp_path, plan, tmp_path / str(floor))
        assert row_of(out, "flow / own", "no_nf / own")[-1] == verdict


def test_scores_without_influences_have_a_difference_and_no_verdict(tmp_path: Path) -> None:
    plan = make_plan()
    write_plan(tmp_path, plan)
    write(tmp_path, ("drums", "flow", "own", 0), entry("fad", 12.0))
    markdown = (build(tmp_path, plan) / "drums/table-paired-fad.md").read_text()
    assert "| flow / own | no\\_nf / own | -8.00 | \u2013 | \u2013 | \u2013 |" in markdown


@pytest.mark.parametrize("heavy", [False, True])
def test_where_tails_are_too_heavy_for_a_test_of_kid_arms_are_compared_by_kad(tmp_path: Path, heavy: bool) -> None:
    plan = make_plan()
    known = {"influence": {"candidate_variance": 0.5, "reference": {"a": 3.0, "b": -2.0, "c": -1.0}}}
    for arm in planned_arms(plan):
        of_kid = {"heavy_tails": 3.1} if heavy and arm[1] == "flow" else known
        away = 10.0 if arm[1:3] == ("flow", "own") else 20.0
        write(tmp_path, arm, entry("kid", away, **of_kid), entry("kad", away, **known))
    out = build(tmp_path, plan)
    assert bool(row_of(out, "flow / own", "no_nf / own", metric="kid")[3]) != heavy
    assert (out / "drums/table-paired-kad.md").exists() == heavy
    report = read_report(plan, Project(tmp_path), default(ReportConfig, "report"), 0.95)
    found = main_distances(report, "drums")
    assert found is not None and found.column.metric.name == ("kad" if heavy else "kid")
    assert answer(found).verdict.startswith("Yes, 1 of 2 arms do, most of all flow / own: ")
    if heavy:
        assert row_of(out, "flow / own", "no_nf / own", metric="kad")[-1] == "differs"


def test_without_a_baseline_priors_alone_are_compared(tmp_path: Path) -> None:
    plan = make_plan(autoencoders=("flow", "other"))
    write_plan(tmp_path, plan)
    markdown = (build(tmp_path, plan) / "drums/table-paired-fad.md").read_text()
    assert "| other / nf | other / own |" in markdown and "0 comparisons of autoencoders and 2 of priors" in markdown


def test_without_anything_to_compare_there_is_no_such_table(tmp_path: Path) -> None:
    plan = make_plan(autoencoders=("flow", "other"), priors=("own",))
    write_plan(tmp_path, plan)
    assert not list((build(tmp_path, plan) / "drums").glob("table-paired-*"))


def test_a_generator_is_compared_with_the_first_prior_of_the_baseline(tmp_path: Path) -> None:
    plan = make_plan(generators=("gan",))
    write_plan(tmp_path, plan, gan_direct=10.0, no_nf_nf=30.0)
    markdown = (build(tmp_path, plan) / "drums/table-paired-fad.md").read_text()
    assert r"| gan | no\_nf / own | -10.0 \[" in markdown and "3 comparisons of autoencoders" in markdown
    assert "Generators have no prior; they are compared with no\\_nf / own." in markdown


@pytest.mark.parametrize("few", [{"n": 1024}, {"n": 4000, "reference_n": 1024}], ids=["arm", "reference"])
def test_a_number_from_too_few_clips_for_its_dimension_is_marked(tmp_path: Path, few: dict[str, int]) -> None:
    plan = make_plan()
    write_plan(tmp_path, plan)
    for arm in planned_arms(plan):
        write(tmp_path, arm, entry("fad", 5.0, n=1025), entry("kid", 0.1), entry("fad_infinity", 3.0, n=1025))
    write(tmp_path, ("drums", "flow", "own", 0), entry("fad", 4.0, **few), entry("kid", 0.1))
    out = build(tmp_path, plan)
    quality, distances = ((out / f"drums/table-{name}.md").read_text() for name in ("quality", "distances"))
    assert "**4.00**† \\[3.00, 5.00\\] |\n" in quality and quality.count("†") == 2  # one in the caption
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


def test_influences_of_an_earlier_version_are_refused_in_one_line(tmp_path: Path) -> None:
    plan = make_plan()
    write_plan(tmp_path, plan)
    earlier = {"candidate_variance": 0.5, "reference": {"a": 3.0, "b": -3.0}, "repeated": 0.1}
    write(tmp_path, ("drums", "external", "gan", 0), entry("fad", 12.0, influence=earlier))
    with pytest.raises(
        FlowshotError, match="another version of flowshot; score it again with `flowshot score --as gan`"
    ):
        build(tmp_path, plan)


def test_every_embedding_has_a_title() -> None:
    assert set(EMBEDDERS) <= set(EMBEDDINGS)
