"""The page before a browser sees it: sentences from planted numbers, its facts, and what is missing."""

import ast
import json
import re
import string
from pathlib import Path

import pandas as pd
import pytest
from page_project import arm_scores, build_page, make_plan, write_json, write_project

from flowshot.core.errors import FlowshotError
from flowshot.core.plan import PlanConfig
from flowshot.report.language import POLISH, Language, Words
from flowshot.report.page.answer import Distances, figure
from flowshot.report.page.findings import copies, decoder_or_prior, like_real_clips, shared_tones
from flowshot.report.plots import CURVES
from flowshot.report.project import Project
from flowshot.report.registry import TABLES
from flowshot.report.render import inline
from flowshot.report.results import Report

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "src" / "flowshot" / "report"
# Variables that hold a sentence until it is said.
SAID = (
    "said", "subject", "spread", "sentence", "alone", "how", "direct", "further", "closer", "apart", "same",
    "corrected", "power", "equal", "FIGURES", "FEW",
)  # fmt: skip
ROLES = {"copies": "baseline", "real": "floor", "reconstruction": "reconstruction"}


def report(metric: str, values: dict[tuple[str, str], float], embedding: str = "yamnet") -> Report:
    roles = {arm: ROLES.get(arm[0], ROLES.get(arm[1], "arm")) for arm in values}
    rows = [
        ("drums", *arm, 0, metric, embedding, value, 0.9 * value, 1.1 * value, roles[arm])
        for arm, value in values.items()
    ]
    names = ["dataset", "autoencoder", "prior", "seed", "metric", "embedding", "value", "ci_low", "ci_high", "role"]
    plan = make_plan(generators=("copies", "gan"))
    return Report(plan, pd.DataFrame(rows, columns=names), 3, 0.95, 0.1, Words())


def fad(values: dict[tuple[str, str], float]) -> Distances:
    return Distances(report("fad", values), "drums", "fad", "yamnet")


def page_of(folder: Path, plan: PlanConfig, language: Language = "en", difference: float = -4.0) -> str:
    write_project(folder, plan, seconds=0.05, difference=difference)
    return build_page(folder, plan, folder / "out", language)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory.mktemp("project"), make_plan(autoencoders=("no_nf", "flow", "collapsed")))


@pytest.mark.parametrize(
    ("decoder", "said"),
    [
        (13.0, "The decoder is the limit of flow / own: reconstructions of test clips are at FAD (YAMNet) 13.0"),
        (9.5, "The decoder is the limit of flow / own"),
        (4.0, "The prior accounts for 75% of the distance between flow / own and real clips"),
        (1.0, "The prior accounts for 100% of the distance between flow / own and real clips"),
    ],
)
def test_the_distance_from_the_floor_is_shared_between_decoder_and_prior(decoder: float, said: str) -> None:
    arms = {("real", "real"): 2.0, ("no_nf", "own"): 12.0, ("flow", "own"): 10.0, ("flow", "reconstruction"): decoder}
    (finding,) = decoder_or_prior(fad(arms))
    assert finding.sentence.startswith(said)


def test_at_the_floor_neither_decoder_nor_prior_is_to_blame() -> None:
    arms = {("real", "real"): 2.0, ("no_nf", "own"): 1.9, ("no_nf", "reconstruction"): 1.5}
    assert decoder_or_prior(fad(arms)) == []


def test_the_figure_has_everything_in_its_order_within_its_axis() -> None:
    arms = {("copies", "direct"): 3.0, ("no_nf", "own"): 12.0, ("real", "real"): 2.0, ("flow", "reconstruction"): 8.0}
    found = figure(fad(arms))
    assert [(name, role) for name, role, _, _ in found.lines][:3] == [
        ("real (floor)", "floor"), ("copies", "baseline"), ("flow, reconstructed", "reconstruction")
    ]  # fmt: skip
    places = [place for _, _, points, _ in found.lines for point in points for place in point]
    assert all(0 <= place <= 100 for place in places) and len(found.ticks) > 2
    assert found.lines[-1][3] == "12.0 [10.8, 13.2]"
    assert found.floor == found.lines[0][2][0][0]


def test_of_a_single_autoencoder_it_is_asked_how_close_it_comes(tmp_path: Path) -> None:
    said = " ".join(page_of(tmp_path, make_plan(autoencoders=("no_nf",), seeds=(0,), priors=("nf",))).split())
    assert "How close do generated clips come to real ones?" in said
    assert "Closest to real clips: no_nf / nf, with KID ×10³ (YAMNet) 14.0 [12.6, 15.4]." in said  # noqa: RUF001
    assert "held-out real clips 2.0 [1.8, 2.2]" in said
    assert "No posterior has collapsed (1 trainings). The least used latent: no_nf: 8 of 8" in said


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (-4.0, "Yes, 4 of 4 arms do, most of all flow / "),
        (4.0, "No, all 4 arms are further away, flow / "),
        (0.0, "No, all 4 arms are equivalent; the lowest difference is that of flow / "),
    ],
)
def test_the_answer_is_yes_no_or_not_shown(tmp_path: Path, difference: float, said: str) -> None:
    page = page_of(tmp_path, make_plan(autoencoders=("no_nf", "flow", "collapsed")), difference=difference)
    assert "Do clips of flow, collapsed come closer to real ones than those of no_nf?" in page
    assert said in page


def test_arms_that_could_be_real_by_chance_are_named_with_their_p() -> None:
    values = {("real", "real"): 0.8, ("no_nf", "own"): 0.001, ("flow", "own"): 0.2, ("flow", "reconstruction"): 0.9}
    (finding,) = like_real_clips(report("kad_p", values), "drums")
    assert finding.sentence == "KAD (YAMNet) cannot tell 1 of 2 arms from real clips."
    assert finding.evidence == ("flow / own: p = 0.200",)


def test_copies_are_bad_news_where_the_interval_leaves_no_doubt() -> None:
    near, far = {("no_nf", "own"): 0.4, ("flow", "own"): 0.95}, {("no_nf", "own"): 1.4, ("flow", "own"): 0.95}
    (finding,) = copies(report("training_distance", near), "drums")
    assert (finding.kind, finding.evidence) == ("bad", ("no_nf / own: ≤ 0.44",))
    assert copies(report("training_distance", far), "drums") == []


def test_a_tone_that_all_clips_of_an_arm_share_is_bad_news_unless_real_clips_have_it_too() -> None:
    values = {("no_nf", "own"): 12.34, ("flow", "own"): 5.0, ("real", "real"): 1.0}
    (finding,) = shared_tones(report("constant_tone", values, "none"), "drums")
    assert (finding.kind, finding.evidence) == ("bad", ("no_nf / own: 12.3 dB",))
    assert "in real clips by 1.0 dB" in finding.sentence
    humming = report("constant_tone", {**values, ("real", "real"): 9.0}, "none")
    assert shared_tones(humming, "drums") == []


def test_differences_and_collapse_are_found_with_their_numbers(page: str) -> None:
    said = "In 4 of 4 comparisons with no_nf the arm is closer to real clips (KID ×10³ (YAMNet), p &lt; 0.05, Holm)."  # noqa: RUF001
    assert said in page
    line = r"flow / own against no_nf / own: KID ×10³ \(YAMNet\) −3\.9 \[−4\.\d, −3\.\d\], p &lt; 0\.001"  # noqa: RUF001
    assert re.search(line, page)
    assert "In 1 of 3 trainings the decoder ignores the latent" in page
    assert "collapsed: 0 of 8 dimensions vary over clips" in page
    assert "raises the loss by 1 %." in page


def test_answer_and_findings_count_the_same_tests(page: str) -> None:
    (answered,) = re.findall(r"Yes, (\d of \d) arms do", page)
    assert re.findall(r"In (\d of \d) comparisons with no_nf the arm is closer", page) == [answered]


def test_arms_that_are_alike_are_equal_within_the_margin(tmp_path: Path) -> None:
    page = page_of(tmp_path, make_plan(), difference=0.0)
    assert "In 2 of 2 comparisons both arms are equivalent (KID" in page
    assert "Neither different nor equal" not in page and "closer to real clips (" not in page


def test_what_could_not_be_decided_is_one_line(tmp_path: Path) -> None:
    plan = make_plan()
    write_project(tmp_path, plan, seconds=0.05, difference=0.0, noise=20.0)
    page = build_page(tmp_path, plan, tmp_path / "out")
    pairs = "flow / own against no_nf / own; flow / nf against no_nf / nf; "
    assert f"Neither a difference nor equivalence could be shown for: {pairs}" in page
    assert re.search(r"A difference of KID \S+ \(YAMNet\) [\d.]+ would have been found by each test alone", page)
    assert re.search(
        r"Not shown for any of 2 arms; the lowest difference is that of flow / \w+: KID .* would have", page
    )


def test_without_rivals_it_is_asked_whether_the_prior_matters(tmp_path: Path) -> None:
    plan = make_plan(autoencoders=("vae",), seeds=(0, 1))
    write_project(tmp_path, plan, seconds=0.05)
    for seed in (0, 1):
        path = tmp_path / "scores/drums/vae/nf" / f"{seed}.json"
        path.write_text(json.dumps(arm_scores(plan, "vae", "own", seed, 0.0)))
    page = build_page(tmp_path, plan, tmp_path / "out")
    assert "Does one prior come closer to real clips than another?" in page


def test_several_seeds_are_compared_as_trainings(tmp_path: Path) -> None:
    page = page_of(tmp_path, make_plan(seeds=(0, 1, 2), priors=("own",)))
    assert "Means over 3 seeds" in page
    assert f"{2:032x}" in page


def test_it_says_what_was_run_and_how_it_is_run_again(page: str) -> None:
    machine = "2 cores, torch 2.11.0, cpu"
    for text in ("250 steps of 32 clips", machine, "bfloat16", "abc123", "made by a test", "3 kept; dropped: 1 silent"):
        assert text in page
    assert f"{0:032x}" in page
    assert "dvc repro score@drums-flow-nf-0" in page


def test_a_run_of_another_plan_is_not_named(tmp_path: Path) -> None:
    plan, arm = make_plan(), ("drums", "flow", "own", 0)
    folder = tmp_path.joinpath("runs", "score", *map(str, arm))
    write_json(folder / "run.json", {"plan": "another"})
    write_json(folder / "mlflow.json", {"run_id": "f" * 32})
    assert Project(tmp_path).run_id(plan, arm) is None
    write_json(folder / "run.json", {"plan": plan.name})
    assert Project(tmp_path).run_id(plan, arm) == "f" * 32
    assert Project(tmp_path).run_id(plan, ("drums", "flow", "nf", 0)) is None


def test_without_clips_and_models_the_page_says_what_makes_them(tmp_path: Path) -> None:
    plan, out = make_plan(), tmp_path / "out"
    write_project(tmp_path / "whole", plan, seconds=0.05)
    (tmp_path / "scores_only").mkdir()
    (tmp_path / "whole" / "scores").rename(tmp_path / "scores_only" / "scores")
    page = build_page(tmp_path / "scores_only", plan, out)
    missing = re.search(r"<code>dvc repro ([^<]*)</code>", page)
    assert missing is not None and {"reconstruct@drums-flow-0", "sample@drums-flow-nf-0"} <= set(missing[1].split())
    assert "<audio" not in page


def test_a_damaged_sound_is_an_error_that_names_it(tmp_path: Path) -> None:
    plan = make_plan(priors=("nf",))
    write_project(tmp_path, plan, seconds=0.05)
    damaged = tmp_path / "generated" / "drums" / "flow" / "nf" / "0" / "listen" / "01.flac"
    damaged.write_bytes(b"no audio")
    with pytest.raises(FlowshotError, match=r"01\.flac: cannot be decoded"):
        build_page(tmp_path, plan, tmp_path / "out")


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    plan = make_plan(autoencoders=("no_nf",))
    write_project(tmp_path, plan, seconds=0.05)
    first, second = tmp_path / "first", tmp_path / "second"
    assert build_page(tmp_path, plan, first) == build_page(tmp_path, plan, second)
    assert [path.name for path in first.iterdir()] == ["index.html"]


def test_an_external_dataset_has_tables_and_no_sounds(tmp_path: Path) -> None:
    plan = make_plan(autoencoders=("no_nf",), priors=("own",))
    write_project(tmp_path, plan, seconds=0.05)
    entry = {"metric": "fad", "embedding": "yamnet", "value": 7.0, "ci_low": 6.0, "ci_high": 8.0, "n": 40}
    write_json(tmp_path / "scores" / "birds" / "external" / "my gan" / "0.json", [entry])
    page = build_page(tmp_path, plan, tmp_path / "out")
    assert "my gan" in page
    assert "Sounds of drums" in page and "Sounds of birds" not in page


def test_a_plan_of_generators_alone_has_a_page_without_latents(tmp_path: Path) -> None:
    page = page_of(tmp_path, make_plan(autoencoders=(), priors=(), generators=("copies", "gan")))
    said = " ".join(page.split())
    assert "Closest to real clips: gan, with KID ×10³ (YAMNet) 9.00 [8.10, 9.90]." in said  # noqa: RUF001
    assert "copies 3.00 [2.70, 3.30]" in said
    assert "Reconstructed" not in said and "collapsed" not in said
    assert said.count("<audio") > 3


def test_a_baseline_is_no_arm_of_the_findings() -> None:
    values = {("real", "real"): 2.0, ("copies", "direct"): 1.0, ("gan", "direct"): 5.0, ("no_nf", "own"): 9.0}
    assert fad(values).arms == [("gan", "direct"), ("no_nf", "own")]
    (finding,) = like_real_clips(report("kad_p", {**values, ("no_nf", "own"): 0.01}), "drums")
    assert finding.evidence == ("gan: p = 5.000",)


# Languages and packaging.


def sentences() -> set[str]:
    """Every English sentence that the templates and modules of the page pass to `words`."""
    found = {*CURVES.values(), *(text for entry in TABLES.values() for text in entry.values())}
    for template in [*FOLDER.rglob("*.html"), *FOLDER.glob("*.jinja")]:
        found |= set(re.findall(r'\b_\("((?:[^"\\]|\\.)*)"', template.read_text(encoding="utf-8")))
    for module in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "words"
            if called and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
            # Sentences are often named before they are said.
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in SAID:
                found |= {
                    one.value
                    for one in ast.walk(node)
                    if isinstance(one, ast.Constant)
                    and isinstance(one.value, str)
                    and (one.value[:1].isupper() or "{" in one.value)
                }
    return found


def test_every_sentence_has_its_translation_with_the_same_names_in_braces() -> None:
    assert len(sentences()) > 90
    assert sorted(sentences() - set(POLISH)) == []
    for english, polish in POLISH.items():
        names = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, polish)]
        assert names[0] == names[1], english


def test_the_page_speaks_polish(tmp_path: Path) -> None:
    page = page_of(tmp_path, make_plan(priors=("own",)), "pl")
    assert '<html lang="pl">' in page
    assert "Wyniki planu" in page and "What stands out" not in page
    assert "2,00" in page or "2,0" in page


def test_style_and_script_are_admitted_by_their_hashes(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    for name, tag in (("style.css", "style"), ("script.js", "script")):
        text = (FOLDER / "page" / name).read_text(encoding="utf-8")
        assert f"<{tag}>{text}</{tag}>" in page
        assert inline(name)[1] in policy[1]
    assert "unsafe" not in policy[1]
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
