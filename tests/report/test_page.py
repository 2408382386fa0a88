"""The page before a browser sees it: sentences from planted numbers, its facts, and what is missing."""

import ast
import re
import shlex
import string
from pathlib import Path

import pandas as pd
import pytest
import yaml
from page_project import build_page, make_plan, write_json, write_project

from flowshot.core.errors import FlowshotError
from flowshot.core.plan import PlanConfig
from flowshot.report.language import POLISH, Language, Words
from flowshot.report.page.facts import reproducing_command
from flowshot.report.page.figures import CURVES
from flowshot.report.page.findings import copies, distance_from_the_floor, shared_tones, what_could_be_chance
from flowshot.report.project import Project
from flowshot.report.render import inline
from flowshot.report.results import Report

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "src" / "flowshot" / "report"
SAID = ("said", "subject", "spread", "one", "alone", "how", "direct", "corrected", "SUBJECTS", "TITLES", "FEW")
ROLES = {"copies": "baseline", "real": "floor"}


def report(metric: str, values: dict[tuple[str, str], float], embedding: str = "yamnet") -> Report:
    rows = [("drums", *arm, 0, metric, embedding, value, ROLES.get(arm[0], "arm")) for arm, value in values.items()]
    names = ["dataset", "autoencoder", "prior", "seed", "metric", "embedding", "value", "role"]
    plan = make_plan(generators=("copies", "gan"))
    return Report(plan, pd.DataFrame(rows, columns=names), 3, 0.95, Words())


def page_of(folder: Path, plan: PlanConfig, language: Language = "en") -> str:
    write_project(folder, plan, seconds=0.05)
    return build_page(folder, plan, folder / "out", language)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory.mktemp("project"), make_plan(autoencoders=("no_nf", "flow", "collapsed")))


@pytest.mark.parametrize(
    ("decoder", "said"),
    [
        (13.0, "reach 13, no less: its decoder is the limit"),
        (9.5, "reach 9.5, hardly less: its decoder is the limit"),
        (4.0, "reach 4: 75% of the way to the floor is its prior's"),
        (1.0, "reach 1: 100% of the way to the floor is its prior's"),
    ],
)
def test_the_distance_from_the_floor_is_shared_between_decoder_and_prior(decoder: float, said: str) -> None:
    arms = {("real", "real"): 2.0, ("no_nf", "own"): 12.0, ("flow", "own"): 10.0, ("flow", "reconstruction"): decoder}
    (finding,) = distance_from_the_floor(report("fad", arms), "drums")
    assert "flow / own at 10: 5 times the floor of 2," in finding.sentence
    assert said in finding.sentence


def test_samples_at_the_floor_are_said_to_be_there() -> None:
    arms = {("real", "real"): 2.0, ("no_nf", "own"): 1.9, ("no_nf", "reconstruction"): 1.5}
    (finding,) = distance_from_the_floor(report("fad", arms), "drums")
    assert "no further away than real clips" in finding.sentence


def test_of_a_single_training_nothing_is_counted(tmp_path: Path) -> None:
    said = " ".join(page_of(tmp_path, make_plan(autoencoders=("no_nf",), seeds=(0,))).split())
    assert "The training is not collapsed. no_nf: " in said
    assert "None of" not in said and "for each of" not in said


def test_arms_that_could_be_real_by_chance_are_named_with_their_p() -> None:
    values = {("real", "real"): 0.8, ("no_nf", "own"): 0.001, ("flow", "own"): 0.2, ("flow", "reconstruction"): 0.9}
    (finding,) = what_could_be_chance(report("kid_p", values), "drums")
    assert finding.sentence == "KID (YAMNet) cannot tell 1 of 2 arms from real clips."
    assert finding.evidence == ("flow / own: p = 0.200",)


def test_copies_are_bad_news_and_none_are_good_news() -> None:
    near, far = {("no_nf", "own"): 0.4, ("flow", "own"): 1.2}, {("no_nf", "own"): 1.4, ("flow", "own"): 1.2}
    (finding,) = copies(report("training_distance", near), "drums")
    assert (finding.kind, finding.evidence) == ("bad", ("no_nf / own: 0.4",))
    (finding,) = copies(report("training_distance", far), "drums")
    assert finding.kind == "good"
    assert "YAMNet 1.2 (flow / own)" in finding.sentence


def test_a_tone_that_all_clips_of_an_arm_share_is_bad_news_unless_real_clips_have_it_too() -> None:
    values = {("no_nf", "own"): 12.34, ("flow", "own"): 5.0, ("real", "real"): 1.0}
    (finding,) = shared_tones(report("constant_tone", values, "none"), "drums")
    assert (finding.kind, finding.evidence) == ("bad", ("no_nf / own: 12.3 dB",))
    assert "in real clips it is 1.0 dB" in finding.sentence
    humming = report("constant_tone", {**values, ("real", "real"): 9.0}, "none")
    assert shared_tones(humming, "drums") == []


def test_significant_differences_and_collapse_are_found_with_their_numbers(page: str) -> None:
    assert "In FAD (YAMNet) 4 of 4 arms differ from no_nf with the same prior (p &lt; 0.05, Holm)." in page
    assert re.search(r"flow / own: −3\.9 \[−4\.\d, −3\.\d\], p &lt; 0\.001, closer to real clips", page)  # noqa: RUF001
    assert "In 1 of 3 trainings the decoder ignores the latent" in page
    assert "collapsed: 0 of 8 dimensions vary over clips" in page
    assert "raises the loss by 1 %." in page


def test_several_seeds_are_compared_as_trainings(tmp_path: Path) -> None:
    page = page_of(tmp_path, make_plan(seeds=(0, 1, 2), priors=("own",)))
    assert "Means over 3 seeds" in page
    assert "flow, seed 2" in page
    assert f"{2:032x}" in page


def test_it_says_what_was_run_and_how_it_is_run_again(page: str) -> None:
    for text in (
        "250 steps of 32 clips",
        "2 cores, torch 2.11.0, cpu",
        "abc123",
        "made by a test",
        "3 kept; dropped: 1 silent",
    ):
        assert text in page
    assert f"{0:032x}" in page
    assert reproducing_command("drums", "flow", "nf", 0) in page


@pytest.mark.parametrize("prior", ["nf", "direct"])
def test_the_command_names_every_stage_of_an_arm_in_order(prior: str) -> None:
    command = shlex.split(reproducing_command("my drums", "flow", prior, 3))
    assert command[:4] == ["dvc", "repro", "-f", "-s"]
    stages = ["train", "encode", "fit_prior"] if prior == "nf" else ["train_generator"]
    assert [target.partition("@")[0].removesuffix("_generator") for target in command[-2:]] == ["sample", "score"]
    assert [target.partition("@")[0] for target in command[4:-2]] == stages
    defined = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    for target in command[4:]:
        stage, _, item = target.partition("@")
        assert item.startswith("my drums-flow-") and len(defined[stage]["matrix"]) == len(item.split("-"))


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
    assert "dvc repro reconstruct@drums-flow-0" in page
    assert "dvc repro sample@drums-flow-nf-0" in page
    assert "The histories of the trainings are not here." in page
    assert "<audio" not in page
    assert not list(out.rglob("*.flac"))


def test_damaged_sounds_and_histories_are_errors_that_name_them(tmp_path: Path) -> None:
    plan = make_plan(priors=("nf",))
    write_project(tmp_path, plan, seconds=0.05)
    damaged = tmp_path / "generated" / "drums" / "flow" / "nf" / "0" / "listen" / "03.flac"
    damaged.write_bytes(b"no audio")
    with pytest.raises(FlowshotError, match=r"03\.flac: cannot be decoded"):
        build_page(tmp_path, plan, tmp_path / "out")
    history = tmp_path / "models" / "drums" / "flow" / "0" / "history.csv"
    history.write_text("step,train_kl\n1,many\n")
    with pytest.raises(FlowshotError, match=r"history\.csv: no history"):
        build_page(tmp_path, plan, tmp_path / "again")


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    plan = make_plan(autoencoders=("no_nf",))
    write_project(tmp_path, plan, seconds=0.05)
    first, second = tmp_path / "first", tmp_path / "second"
    assert build_page(tmp_path, plan, first) == build_page(tmp_path, plan, second)
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert {".html", ".flac", ".png"} <= {file.suffix for file in files}
    assert all((first / file).read_bytes() == (second / file).read_bytes() for file in files)


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
    assert "the arm nearest to real clips is gan at 9: 4.5 times the floor of 2" in said
    assert "Training clips drawn at random (copies) reach 3." in said
    assert "Arms: 2 = 1 × (0 × 0 + 2)" in said  # noqa: RUF001
    assert "Test clips and their reconstructions" not in said and "collapsed" not in said
    assert (tmp_path / "out/drums/sounds/generated/copies/direct/0.flac").is_file()


def test_a_baseline_is_no_arm_of_the_findings() -> None:
    values = {("real", "real"): 2.0, ("copies", "direct"): 1.0, ("gan", "direct"): 5.0, ("no_nf", "own"): 9.0}
    (finding,) = distance_from_the_floor(report("fad", values), "drums")
    assert "real clips is gan at 5" in finding.sentence and "(copies) reach 1." in finding.sentence
    (finding,) = what_could_be_chance(report("kid_p", {**values, ("no_nf", "own"): 0.01}), "drums")
    assert finding.evidence == ("gan: p = 5.000",)


# Languages and packaging.


def sentences() -> set[str]:
    """Every English sentence that the templates and modules of the page pass to `words`."""
    found = set(CURVES.values())
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
                    if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value[:1].isupper()
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
    assert "Ustalenia" in page and "Findings" not in page
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
