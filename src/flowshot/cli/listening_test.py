"""`flowshot listening-test`: a page on which people rate arms blindly, and what their answers say."""

import argparse
import sys
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flowshot.cli.arms import replaceable
from flowshot.cli.audio_sets import audio_files, decoded
from flowshot.cli.base import Outcome, WrongUse, table
from flowshot.cli.parser import Arm
from flowshot.cli.terminal import working
from flowshot.clips.prepared import PREPARED, PreparedDataset, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder, write_json, writing
from flowshot.core.params import read_params
from flowshot.core.randomness import numpy_generator
from flowshot.listening import analysis
from flowshot.listening.analysis import Estimate
from flowshot.listening.answers import find_key, read_all, read_key
from flowshot.listening.build import build_test
from flowshot.listening.design import ANCHOR, REAL
from flowshot.scoring.scores import read_clips

GENERATED = Path("generated")
MOST_ARMS = 10  # on a screen, with a real clip and an anchor: ITU-R BS.1534-3 allows 12 signals
CONFIDENCE, RESAMPLES = 0.95, 2000
RESERVED = (REAL, ANCHOR)


def run(arguments: argparse.Namespace) -> Outcome:
    """Make the page, or analyse answers to it."""
    return analyse(arguments) if arguments.analyse else make(arguments)


def make(arguments: argparse.Namespace) -> Outcome:
    """Write `DIR/index.html` and `DIR.key.json`."""
    if not arguments.out:
        raise WrongUse("argument --out: is needed with --arms")
    if arguments.screens == arguments.pairs == 0:
        raise WrongUse("argument --screens: without screens and pairs nothing is asked")
    arms = {"/".join(arm) if len(arm) == 3 else arm[0]: arm for arm in arguments.arms}
    datasets = {arm[0] for arm in arguments.arms if len(arm) == 3}
    if len(arms) != len(arguments.arms):
        raise WrongUse("argument --arms: one is named twice")
    if len(datasets) != 1:
        raise WrongUse("argument --arms: name at least one DATASET/AUTOENCODER/PRIOR, and no other dataset beside it")
    if len(arms) > MOST_ARMS:
        raise WrongUse(f"argument --arms: nobody can compare more than {MOST_ARMS} sounds, found {len(arms)}")
    out = replaceable(arguments.out, arguments.force)
    key_path = out.with_name(out.name + ".key.json")
    if key_path.exists() and not arguments.force:
        raise FlowshotError(f"{key_path}: exists, and its answers cannot be read without it; choose another --out")

    prepared = read_prepared(PREPARED / datasets.pop())
    sources = {name: find_clips(arm, arguments.model_seed) for name, arm in arms.items()}
    clips = {name: read_source(source, prepared) for name, source in sources.items()}
    generator = numpy_generator(arguments.seed, "listening-test", *arms)
    facts = {"dataset": prepared.name, "seed": arguments.seed, "sources": {n: str(each) for n, each in sources.items()}}
    with working("matching the loudness of clips"):
        real, rate = prepared.clips("test"), prepared.sample_rate
        text, key = build_test(clips, real, rate, arguments.screens, arguments.pairs, facts, generator)
    if key["unmatched"]:
        print(
            f"{len(key['unmatched'])} clips are silent or too short to match the loudness of the others",
            file=sys.stderr,
        )
    with writing(out), whole_folder(out) as folder:
        (folder / "index.html").write_text(text, encoding="utf-8")
        write_json(key_path, key)
    page = out / "index.html"
    report = {
        "page": str(page), "key": str(key_path), "test": key["test"], "arms": list(arms), "screens": arguments.screens,
        "pairs": len(key["pairs"]), "clips": len(key["clips"]), "loudness_lufs": key["loudness_lufs"],
        "bytes": page.stat().st_size,
    }  # fmt: skip
    text = (
        f"{page}: {report['screens']} screens and {report['pairs']} pairs of {len(arms)} arms, {report['clips']} clips "
        f"at {key['loudness_lufs']:.1f} LUFS, {page.stat().st_size / 1e6:.1f} MB\n"
        f"{key_path}: says which clip belongs to which arm; keep it, and give listeners only the page"
    )
    return Outcome(report, text)


def find_clips(arm: Arm | tuple[str, str], model_seed: int | None) -> Path:
    """The `clips.npy` of an arm, or the folder of another system; raises FlowshotError where there is none."""
    if len(arm) == 2:
        return Path(arm[1]).expanduser()
    seeds = read_params().plan.seeds if model_seed is None else (model_seed,)
    found = [path for seed in seeds if (path := GENERATED.joinpath(*arm, str(seed), "clips.npy")).is_file()]
    if not found:
        raise FlowshotError(
            f"{GENERATED.joinpath(*arm)}: no clips of seed {' or '.join(map(str, seeds))}; run `dvc repro`, or name a "
            "seed with --model-seed"
        )
    return found[0]


def read_source(source: Path, prepared: PreparedDataset) -> np.ndarray:
    """Clips `[n, samples]` of the length and rate of the dataset, those of a folder cut or followed by silence.

    Raises:
        FlowshotError: they cannot be read, are of another length, or are not finite.
    """
    if source.name == "clips.npy":
        clips = read_clips(source)
        if clips.shape[1] != prepared.clip_samples:
            raise FlowshotError(
                f"{source}: has shape {clips.shape}, but clips of {prepared.name} are {prepared.clip_samples} samples "
                "long; sample again with `dvc repro`"
            )
        if not np.isfinite(clips).all():
            raise FlowshotError(f"{source}: contains NaN or infinity, so the arm's training failed; train it again")
        return clips
    heard = []
    files = audio_files(str(source)).audio
    for path, found in decoded(str(source), files, prepared.sample_rate, prepared.clip_samples):
        if isinstance(found, str):
            raise FlowshotError(f"{path}: {found}; repair or remove it")
        heard.append(found.audio)
    return np.stack(heard)


def analyse(arguments: argparse.Namespace) -> Outcome:
    """Tables of mean ratings, preferences and strengths."""
    files = [Path(file).expanduser() for file in arguments.analyse]
    key = read_key(Path(arguments.key).expanduser() if arguments.key else find_key(files))
    answers = read_all(files, key)
    if answers.unfinished:
        print(f"not finished, counted as far as they were answered: {', '.join(answers.unfinished)}", file=sys.stderr)
    systems = [*key.arms, *RESERVED]
    pairs = list(combinations(key.arms if len(key.arms) > 1 else [*key.arms, "real"], 2))
    generator = numpy_generator(arguments.seed, "listening-test", "analysis")
    means = analysis.rating_means(answers, systems, CONFIDENCE)
    strengths = analysis.strengths(answers, key.arms, RESAMPLES, CONFIDENCE, generator)
    shares = analysis.preference_shares(answers, pairs, CONFIDENCE)
    differences = analysis.rating_differences(answers, pairs, CONFIDENCE)
    report = {
        "test": key.test, "listeners": answers.listeners, "unfinished": answers.unfinished, "confidence": CONFIDENCE,
        "ratings": [{"arm": name, **asdict(each)} for name, each in means.items()],
        "preferences": [_of_pair(pair, each) for pair, each in shares.items()],
        "rating_differences": [_of_pair(pair, each) for pair, each in differences.items()],
        "strengths": [{"arm": name, **asdict(each)} for name, each in strengths.items()],
        "real_above_anchor": hearing(answers.ratings),
    }  # fmt: skip
    return Outcome(report, _text(report))


def hearing(ratings: pd.DataFrame) -> dict[str, float]:
    """By how many points each listener rates real clips above anchors, on average; who rated neither is left out."""
    means = ratings.pivot_table("score", "listener", "system").reindex(columns=list(RESERVED)).dropna()
    return {str(name): float(above) for name, above in (means["real"] - means["anchor"]).items()}


def _of_pair(pair: tuple[str, str], estimate: Estimate) -> dict[str, Any]:
    return {"arm": pair[0], "than": pair[1], **asdict(estimate)}


def _text(report: dict[str, Any]) -> str:
    numbers = ("value", "ci_low", "ci_high", "n")
    tables = {
        "ratings": ("arm", "rating, 0 to 100"),
        "strengths": ("arm", "preferred to an average arm"),
        "preferences": ("arm", "compared with", "share that prefers it"),
        "rating_differences": ("arm", "compared with", "rated higher by"),
    }
    parts = []
    for name, header in tables.items():
        of_pairs = len(header) == 3
        entries = report[name] if of_pairs else sorted(report[name], key=lambda entry: -entry["value"])
        keys = ("arm", *(["than"] if of_pairs else []), *numbers)
        if entries:
            parts.append(table((*header, *numbers[1:3], "answers"), [[each[key] for key in keys] for each in entries]))
    listeners = len(report["listeners"])
    over = "listeners and clips" if listeners > 1 else "clips only: one listener says nothing about others"
    parts.append(f"{listeners} {'listener' if listeners == 1 else 'listeners'}; {CONFIDENCE:.0%} intervals over {over}")
    deaf = [name for name, points in report["real_above_anchor"].items() if points <= 0]
    if deaf:
        parts.append(f"rated anchors no lower than real clips, but included: {', '.join(deaf)}")
    return "\n\n".join(parts)
