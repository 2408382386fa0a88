"""`flowshot score`: the distances of any two folders of audio."""

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flowshot.commands.base import Commands, Outcome, WrongUse, add_clip_options, add_command, clip_config, table
from flowshot.config import DatasetConfig, PolicyConfig, ScoreConfig
from flowshot.datasets.inputs import InputFile, list_files
from flowshot.errors import FlowshotError

if TYPE_CHECKING:
    import numpy as np


FILLERS = {"zero": "silence follows", "repeat": "the same sound again follows"}


@dataclass(frozen=True)
class AudioSet:
    """Clips of a folder: `clips: [n, samples]`, the file of each, and what is to be known about the folder.

    `unusable` says of the files that could not be decoded why; their clips are silent.
    """

    clips: "np.ndarray"
    files: list[str]
    unusable: dict[str, str]
    facts: dict[str, Any]


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Measure how far a folder of audio is from another: FAD and KID, with intervals."
    example = "flowshot score --reference ~/sounds --candidate drawn --embedding logmel"
    parser = add_command(commands, "score", description, example, run)
    parser.add_argument("--reference", metavar="DIR", required=True, help="real audio, searched recursively")
    parser.add_argument("--candidate", metavar="DIR", required=True, help="what is judged, searched recursively")
    known = " ".join(ScoreConfig().embeddings)
    parser.add_argument("--embedding", metavar="NAME", action="extend", nargs="+", help=f"which embeddings ({known})")
    parser.add_argument(
        "--checkpoints", metavar="DIR", help="where weights of clap, vggish, pann and encodec are or go"
    )
    add_clip_options(parser)
    add_policy_options(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of clips and of intervals (%(default)s)")


def add_policy_options(parser: argparse.ArgumentParser) -> None:
    """How a clip is heard, as under `score` in `params.yaml`."""
    policy = PolicyConfig()
    parser.add_argument(
        "--pad",
        choices=("zero", "repeat"),
        default=policy.pad,
        help="what follows a clip that is too short (%(default)s)",
    )
    parser.add_argument("--window", type=float, metavar="S", help="seconds heard at a time (what the embedding needs)")
    parser.add_argument("--hop", type=float, default=policy.hop, help="from window to window, in windows (%(default)s)")
    parser.add_argument(
        "--level",
        choices=("none", "peak", "rms"),
        default=policy.level,
        help="what --level-db is set for (%(default)s)",
    )
    parser.add_argument(
        "--level-db", type=float, default=policy.level_db, metavar="DB", help="relative to full scale (%(default)s)"
    )
    parser.add_argument(
        "--channels", choices=("mix", "first"), default=policy.channels, help="what is heard of several (%(default)s)"
    )
    parser.add_argument(
        "--on-bad-clip",
        choices=("fail", "skip"),
        default=ScoreConfig().on_bad_clip,
        help="what happens to one that cannot be decoded or embedded; who is skipped is listed (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> Outcome:
    """Decode both folders to clips of one rate and length, take equally many of each, and compare."""
    config = clip_config(arguments, arguments.reference)
    scoring = score_config(arguments)
    folders = {"reference": arguments.reference, "candidate": arguments.candidate}
    listed = {role: audio_files(folder) for role, folder in folders.items()}

    # Imported here: scipy and the embeddings' runtimes take a second, which other sub-commands should not wait for.
    from flowshot.embeddings.cache import EmbeddingCache
    from flowshot.embeddings.registry import embedder
    from flowshot.scoring import score_against_reference, score_entry

    for name in scoring.embeddings:
        # An embedding that cannot run fails before minutes go into decoding.
        embedder(name, scoring.policy, scoring.checkpoints)
    n = min(len(audio) for audio, _ in listed.values())
    sets = {
        role: read_set(role, folders[role], *found, n, config, scoring, arguments.seed)
        for role, found in listed.items()
    }
    skipped = [
        {"set": role, "clip": file, "reason": reason}
        for role, each in sets.items()
        for file, reason in each.unusable.items()
    ]
    sets = usable_pairs(sets)
    reference, candidate = sets["reference"], sets["candidate"]
    # A folder that is gone afterwards: this may run anywhere, and must leave nothing behind.
    with TemporaryDirectory(prefix="flowshot.") as cache:
        scores = score_against_reference(
            candidate.clips,
            reference.clips,
            reference.files,
            config.sample_rate,
            scoring,
            arguments.seed,
            candidate_groups=candidate.files,
            cache=EmbeddingCache(cache),
            names={role: each.files for role, each in sets.items()},
        )
    n = len(reference.clips)
    report = {
        **{role: each.facts for role, each in sets.items()},
        "n": n, "sample_rate": config.sample_rate, "seconds": config.clip_seconds, "seed": arguments.seed,
        "confidence": scoring.confidence, "policy": asdict(scoring.policy), "skipped": skipped,
        "scores": [score_entry(score) for score in scores],
    }  # fmt: skip
    header = ("metric", "embedding", "value", "ci_low", "ci_high", "n")
    text = table(header, [[getattr(score, name) for name in header] for score in scores])
    how = f"{n} clips of {config.clip_seconds:g} s at {config.sample_rate} Hz in each set"
    return Outcome(report, f"{text}\n\n{how}; {scoring.confidence:.0%} intervals")


def score_config(arguments: argparse.Namespace) -> ScoreConfig:
    """What the options say; raises WrongUse where an embedding is unknown or a number out of its limits."""
    # Imported here: numpy takes a tenth of a second, which other sub-commands should not wait for.
    from flowshot.embeddings.registry import unknown_embedding

    embeddings = tuple(dict.fromkeys(arguments.embedding or ScoreConfig().embeddings))
    for name in embeddings:
        if problem := unknown_embedding(name):
            raise WrongUse(f"argument --embedding: {problem}")
    try:
        policy = PolicyConfig(
            pad=arguments.pad,
            window_seconds=arguments.window,
            hop=arguments.hop,
            level=arguments.level,
            level_db=arguments.level_db,
            channels=arguments.channels,
        )
    except ValueError as error:
        raise WrongUse(f"{error} (--window, --hop and --level-db)") from None
    return ScoreConfig(
        embeddings=embeddings,
        checkpoints=arguments.checkpoints,
        on_bad_clip=arguments.on_bad_clip,
        policy=policy,
    )


def audio_files(folder: str) -> tuple[list[InputFile], list[str]]:
    """The files below `folder` that are audio by their names, and the names of the others.

    Raises:
        FlowshotError: the folder is missing or holds fewer than 2 audio files.
    """
    from flowshot.audio.decode import AUDIO_SUFFIXES  # imports the decoders, see `run`

    files = list_files(Path(folder).expanduser().absolute())
    audio = [file for file in files if PurePosixPath(file.source).suffix.casefold() in AUDIO_SUFFIXES]
    others = sorted({file.source for file in files} - {file.source for file in audio})
    if len(audio) < 2:
        raise FlowshotError(f"{folder}: holds {len(audio)} audio files, but a comparison needs at least 2; add audio")
    return audio, others


def read_set(
    role: str,
    folder: str,
    audio: list[InputFile],
    others: list[str],
    n: int,
    config: DatasetConfig,
    scoring: ScoreConfig,
    seed: int,
) -> AudioSet:
    """Decode every file, so that none can hide that it is damaged, and keep `n` of them, drawn by `seed`.

    What is left out, cut or padded is said on standard error.

    Raises:
        FlowshotError: a file cannot be decoded, unless `scoring.on_bad_clip` is to skip; names it.
    """
    # Imported here: see `run`.
    import numpy as np
    from tqdm import tqdm

    from flowshot.audio.decode import UnusableAudio, quiet_decoders
    from flowshot.audio.excerpt import read_excerpt
    from flowshot.datasets.selection import REASONS
    from flowshot.randomness import numpy_generator

    chosen = np.sort(numpy_generator(seed, "score", role).permutation(len(audio))[:n])
    position = {int(index): row for row, index in enumerate(chosen)}
    clips = np.zeros((n, config.clip_samples), dtype=np.float32)
    cut = padded = 0
    unusable: dict[str, str] = {}
    policy = scoring.policy
    for index, file in enumerate(tqdm(audio, desc=role, unit="file", disable=None)):
        try:
            with quiet_decoders():
                excerpt = read_excerpt(file.path, config.sample_rate, config.clip_samples, policy.pad, policy.channels)
        except UnusableAudio as problem:
            reason = f"{problem.reason} ({REASONS[problem.reason]})"
            if scoring.on_bad_clip == "fail":
                raise FlowshotError(
                    f"{file.path}: {reason}; mend it or take it out, or score with --on-bad-clip skip"
                ) from None
            unusable[str(file.path.resolve())] = reason
            continue
        if index in position:
            clips[position[index]] = excerpt.audio
            cut, padded = cut + excerpt.cut, padded + excerpt.padded
    facts = {"folder": folder, "files": len(audio), "not_audio": others, "cut": cut, "padded": padded}
    for count, what in (
        (len(others), "files are no audio by their names and are left out"),
        (len(audio) - n, f"of {len(audio)} files are left out, so that both sets have {n}"),
        (len(unusable), f"of {len(audio)} files cannot be decoded, and count as skipped"),
        (cut, f"of {n} files go on after {config.clip_seconds:g} s, and only that much is heard"),
        (padded, f"of {n} files are shorter than {config.clip_seconds:g} s, and {FILLERS[policy.pad]} them"),
    ):
        if count:
            print(f"{role}: {count} {what}", file=sys.stderr)
    return AudioSet(clips, [str(audio[index].path.resolve()) for index in chosen], unusable, facts)


def usable_pairs(sets: dict[str, AudioSet]) -> dict[str, AudioSet]:
    """The sets without the places at which either has a file that could not be decoded, so that n stays equal.

    Raises:
        FlowshotError: fewer than 2 places are left.
    """
    places = zip(*([file in each.unusable for file in each.files] for each in sets.values()), strict=True)
    rows = [row for row, unusable in enumerate(places) if not any(unusable)]
    if len(rows) < 2:
        raise FlowshotError(
            f"{len(rows)} files of each set could be decoded, but a comparison needs at least 2; add audio"
        )
    return {
        role: AudioSet(each.clips[rows], [each.files[row] for row in rows], each.unusable, each.facts)
        for role, each in sets.items()
    }
