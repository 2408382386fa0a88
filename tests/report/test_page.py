"""The page before a browser sees it: sentences from planted numbers, charts, sounds, and what is missing."""

import ast
import re
import shlex
import string
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from hypothesis import given
from hypothesis import strategies as st
from page_project import RATE, build_page, make_plan, write_json, write_project
from PIL import Image

from flowshot.config.plan import PlanConfig
from flowshot.errors import FlowshotError
from flowshot.report.language import Language, Words
from flowshot.report.page import render
from flowshot.report.page.charts import HEIGHT, WIDTH, Points, bars, chart, thinned, ticks
from flowshot.report.page.facts import reproducing_command
from flowshot.report.page.figures import CURVES
from flowshot.report.page.findings import copies, distance_from_the_floor, shared_tones, what_could_be_chance
from flowshot.report.page.polish import PAGE
from flowshot.report.page.sounds import Shelf, waveform_outline, write_spectrogram
from flowshot.report.page.sources import Sources
from flowshot.report.polish import POLISH

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "src" / "flowshot" / "report" / "page"
WORDS = Words("en")


def frame(metric: str, values: dict[tuple[str, str], float], embedding: str = "yamnet") -> pd.DataFrame:
    rows = [("drums", *arm, 0, metric, embedding, value) for arm, value in values.items()]
    return pd.DataFrame(rows, columns=["dataset", "autoencoder", "prior", "seed", "metric", "embedding", "value"])


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
    (finding,) = distance_from_the_floor(frame("fad", arms), make_plan(), WORDS)
    assert "flow / own at 10: 5 times the floor of 2," in finding.sentence
    assert said in finding.sentence


def test_samples_at_the_floor_are_said_to_be_there() -> None:
    arms = {("real", "real"): 2.0, ("no_nf", "own"): 1.9, ("no_nf", "reconstruction"): 1.5}
    (finding,) = distance_from_the_floor(frame("fad", arms), make_plan(), WORDS)
    assert "no further away than real clips" in finding.sentence


def test_of_a_single_training_nothing_is_counted(tmp_path: Path) -> None:
    said = " ".join(page_of(tmp_path, make_plan(autoencoders=("no_nf",), seeds=(0,))).split())
    assert "The training is not collapsed. no_nf: " in said
    assert "None of" not in said and "for each of" not in said


def test_arms_that_could_be_real_by_chance_are_named_with_their_p() -> None:
    values = {("real", "real"): 0.8, ("no_nf", "own"): 0.001, ("flow", "own"): 0.2, ("flow", "reconstruction"): 0.9}
    (finding,) = what_could_be_chance(frame("kid_p", values), make_plan(), 0.05, WORDS)
    assert finding.sentence == "KID (YAMNet) cannot tell 1 of 2 arms from real clips."
    assert finding.evidence == ("flow / own: p = 0.200",)


def test_copies_are_bad_news_and_none_are_good_news() -> None:
    near, far = {("no_nf", "own"): 0.4, ("flow", "own"): 1.2}, {("no_nf", "own"): 1.4, ("flow", "own"): 1.2}
    (finding,) = copies(frame("training_distance", near), make_plan(), WORDS)
    assert (finding.kind, finding.evidence) == ("bad", ("no_nf / own: 0.4",))
    (finding,) = copies(frame("training_distance", far), make_plan(), WORDS)
    assert finding.kind == "good"
    assert "YAMNet 1.2 (flow / own)" in finding.sentence


def test_a_tone_that_all_clips_of_an_arm_share_is_bad_news_unless_real_clips_have_it_too() -> None:
    values = {("no_nf", "own"): 12.34, ("flow", "own"): 5.0, ("real", "real"): 1.0}
    shown = frame("constant_tone", values).assign(embedding="none")
    (finding,) = shared_tones(shown, make_plan(), WORDS)
    assert (finding.kind, finding.evidence) == ("bad", ("no_nf / own: 12.3 dB",))
    assert "in real clips it is 1.0 dB" in finding.sentence
    humming = frame("constant_tone", {**values, ("real", "real"): 9.0}).assign(embedding="none")
    assert shared_tones(humming, make_plan(), WORDS) == []


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


def test_the_command_names_every_stage_of_an_arm_in_order() -> None:
    command = shlex.split(reproducing_command("my drums", "flow", "nf", 3))
    assert command[:4] == ["dvc", "repro", "-f", "-s"]
    names = ["my drums-flow-3", *["my drums-flow-nf-3"] * 3]
    assert command[4:] == [
        f"{stage}@{name}" for stage, name in zip(("train", "fit_prior", "sample", "score"), names, strict=True)
    ]
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    for target in command[4:]:
        stage, _, item = target.partition("@")
        assert len(stages[stage]["matrix"]) == len(item.split("-"))


def test_a_run_of_another_plan_is_not_named(tmp_path: Path) -> None:
    plan = make_plan()
    file = tmp_path / "scores" / "drums" / "flow" / "own" / "0.run.json"
    write_json(file, {"plan": "another", "name": "x", "run_id": "f" * 32})
    assert Sources(tmp_path).run_id(plan, "drums", "flow", "own", 0) is None
    write_json(file, {"plan": plan.name, "name": "x", "run_id": "f" * 32})
    assert Sources(tmp_path).run_id(plan, "drums", "flow", "own", 0) == "f" * 32
    assert Sources(tmp_path).run_id(plan, "drums", "flow", "nf", 0) is None


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


# Charts.


@given(low=st.floats(-1e6, 1e6), width=st.floats(0, 1e6))
def test_ticks_are_few_and_hold_the_range(low: float, width: float) -> None:
    found, first, last = ticks(low, low + width)
    rounding = 1e-9 * (abs(low) + width)
    assert first <= low + rounding and low + width - rounding <= last
    assert 2 <= len(found) <= 8
    assert len({text for _, text in found}) == len(found), "two ticks read the same"
    assert [value for value, _ in found] == sorted(value for value, _ in found)


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=400), st.booleans())
def test_what_is_drawn_lies_within_the_axes(values: list[tuple[float, float]], lines: bool) -> None:
    drawn = chart("t", "x", "y", [Points("a", 0, tuple(values))], lines=lines)
    assert drawn is not None
    numbers = [float(one) for one in re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", drawn.drawn[0].path)]
    places = list(zip(numbers[::2], numbers[1::2], strict=True)) if lines else list(drawn.drawn[0].marks)
    assert places
    assert all(drawn.left - 0.1 <= x <= drawn.right + 0.1 for x, _ in places)
    assert all(drawn.top - 0.1 <= y <= drawn.bottom + 0.1 for _, y in places)
    assert drawn.right < WIDTH and drawn.bottom < HEIGHT


def test_numbers_that_are_none_are_left_out_of_charts() -> None:
    nothing = Points("a", 0, ((1.0, float("nan")), (2.0, float("inf"))))
    assert chart("t", "x", "y", [nothing], lines=True) is None
    drawn = chart("t", "x", "y", [nothing, Points("b", 1, ((1.0, 2.0), (2.0, 3.0)))], lines=True)
    assert drawn is not None and [one.name for one in drawn.drawn] == ["b"]


@given(st.integers(1, 2000))
def test_a_thinned_curve_keeps_its_ends_and_its_level(count: int) -> None:
    values = [(float(i), 3.0) for i in range(count)]
    kept = thinned(values, 160)
    assert len(kept) <= max(160, min(count, 160))
    assert (kept[0], kept[-1]) == (values[0], values[-1])
    assert {y for _, y in kept} == {3.0}


def test_bars_share_one_scale_and_their_parts_touch() -> None:
    found = bars(
        [("a", 0, [("x", 30.0, "30"), ("y", 10.0, "10")], "40"), ("b", 1, [("x", 5.0, "5"), ("y", -1.0, "-1")], "4")]
    )
    assert [part.width for part in found[0].parts] == [75.0, 25.0]
    assert found[0].parts[1].x == found[0].parts[0].width
    assert [part.width for part in found[1].parts] == [12.5, 0.0]


# Sounds.


def noise(count: int, seconds: float = 1.0, rate: int = RATE) -> list[np.ndarray]:
    draws = np.random.default_rng(count)
    return [draws.uniform(-0.9, 0.9, int(seconds * rate)).astype(np.float32) for _ in range(count)]


def sizes(folder: Path, ending: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob(f"*.{ending}"))


def test_sounds_within_the_budget_are_flac_as_they_were(tmp_path: Path) -> None:
    shelf, (clip,) = Shelf(tmp_path), noise(1)
    shelf.add("a b/0", clip, RATE)
    written = shelf.write()
    heard, rate = soundfile.read(tmp_path / "a b" / "0.flac", dtype="float32")
    assert rate == RATE and written["a b/0"].address == "a%20b/0.flac"
    np.testing.assert_allclose(heard, clip, atol=2**-15)


@pytest.mark.parametrize("rate", [16000, 22000, 96000])
def test_sounds_over_the_budget_are_mp3_and_fit_into_it(tmp_path: Path, rate: int) -> None:
    shelf = Shelf(tmp_path, budget=150_000)
    for index, clip in enumerate(noise(10, rate=rate)):
        shelf.add(f"{index}", clip, rate)
    shelf.write()
    assert shelf.format == "mp3" and shelf.longest_seconds is None
    assert not list(tmp_path.glob("*.flac"))
    assert 0 < sizes(tmp_path, "mp3") <= shelf.budget
    assert soundfile.info(tmp_path / "0.mp3").duration == pytest.approx(1.0, abs=0.1)


def test_sounds_far_over_the_budget_are_cut(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, budget=50_000)
    for index, clip in enumerate(noise(10, seconds=2.0)):
        shelf.add(f"{index}", clip, RATE)
    written = shelf.write()
    assert 0 < sizes(tmp_path, "mp3") <= 1.1 * shelf.budget
    assert shelf.longest_seconds is not None
    assert all(sound.seconds == pytest.approx(shelf.longest_seconds, abs=0.01) for sound in written.values())


def test_a_sound_shown_twice_is_kept_once(tmp_path: Path) -> None:
    shelf, (clip,) = Shelf(tmp_path), noise(1, 0.1)
    assert [shelf.add("x", clip, RATE) for _ in range(2)] == ["x", "x"]
    shelf.write()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.flac", "x.png"]


@pytest.mark.parametrize("samples", [1, 50, 16000])
def test_a_waveform_follows_its_clip(samples: int) -> None:
    numbers = [float(one) for one in re.findall(r"[\d.]+", waveform_outline(np.full(samples, 0.5)))]
    heights = numbers[1::2]
    assert min(heights) == pytest.approx(16 - 0.5 * 15.5 - 0.5, abs=0.1)
    assert max(heights) == pytest.approx(16.5)
    assert set(re.findall(r"[\d.]+", waveform_outline(np.zeros(samples)))[1::2]) == {"15.5", "16.5"}


def test_a_tone_is_a_bright_line_at_its_height(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 6000 * np.arange(RATE) / RATE)
    write_spectrogram(tmp_path / "tone.png", tone, RATE)
    picture = np.asarray(Image.open(tmp_path / "tone.png").convert("L")).astype(float)
    brightest = int(picture.mean(axis=1).argmax())
    assert brightest == pytest.approx((1 - 6000 / 8000) * picture.shape[0], abs=2)
    write_spectrogram(tmp_path / "silence.png", np.zeros(10), RATE)
    assert np.asarray(Image.open(tmp_path / "silence.png").convert("L")).max() < 5


# Languages and packaging.


def sentences() -> set[str]:
    """Every English sentence that the templates and modules of the page pass to `words`."""
    found = set(CURVES.values())
    for template in FOLDER.glob("*.html"):
        found |= set(re.findall(r'\b_\("((?:[^"\\]|\\.)*)"', template.read_text(encoding="utf-8")))
    for module in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "words"
            if called and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def test_every_sentence_has_its_translation_with_the_same_names_in_braces() -> None:
    assert len(sentences()) > 90
    assert sorted(sentences() - set(POLISH)) == []
    for english, polish in PAGE.items():
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
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert f"<{tag}>{text}</{tag}>" in page
        assert render.policy_hash(text) in policy[1]
    assert "unsafe" not in policy[1]
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)


def test_the_report_stage_depends_on_every_file_of_the_page() -> None:
    stage = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]["report"]
    files = {path.relative_to(REPOSITORY).as_posix() for path in FOLDER.iterdir() if path.is_file()}
    assert files <= set(stage["deps"])
    assert {"scores", "models", "generated", "demonstrations", "data/prepared"} <= set(stage["deps"])
