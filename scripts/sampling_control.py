"""Do the controls of `flowshot sample` do what they promise? Measures an arm of this project and prints a table.

    python scripts/sampling_control.py samples_original/no_nf/gmm --label BD --kind '^(bd|kick|bass ?drum)'

All distances are those of the embedding `logmel`. A logistic regression on it recognises kicks. It is fitted to the
real training clips whose label matches `--kind`, against all others; its accuracy on held-out clips is printed.
"""

import argparse
import re
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flowshot.api.arm import Arm
from flowshot.api.load import load
from flowshot.cli.sample import COPY_QUANTILE, without_copies
from flowshot.clips.prepared import PREPARED, SPLITS, PreparedDataset, read_prepared
from flowshot.core.params import read_params
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.registry import embedder
from flowshot.scoring.metrics.diversity import directions, vendi_score
from flowshot.scoring.metrics.neighbours import distances

NEAR_FILES, NEAR_DRAWS = 20, 10
Embed = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Measure each control and print its row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arm", metavar="ARM")
    parser.add_argument("--label", required=True, help="whose clips are asked for")
    parser.add_argument("--kind", required=True, metavar="REGEX", help="labels of real clips of the same kind")
    parser.add_argument("--n", type=int, default=300, help="draws of each row (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the draws (%(default)s)")
    given = parser.parse_args()
    arm = load(given.arm)
    assert isinstance(arm, Arm)
    prepared = read_prepared(PREPARED / arm.names[0])
    logmel = embedder("logmel", read_params().section("score.policy", PolicyConfig))

    def embed(clips: np.ndarray) -> np.ndarray:
        return logmel.embed(clips, arm.sample_rate)

    print(f"{arm.name}, {given.n} draws, seeds {given.seeds}\n")
    print("| control | measured | with | without |\n|---|---|---|---|")
    for row in temperature(arm, embed, given.n, given.seeds):
        show(row)
    show(near(arm, embed, prepared))
    show(label(arm, embed, prepared, given))
    show(copies(arm, embed, prepared, given.n, given.seeds))


def show(row: tuple[str, ...]) -> None:
    """Print a row of the table as soon as it is measured."""
    print("| " + " | ".join(row) + " |", flush=True)


def temperature(arm: Arm, embed: Embed, n: int, seeds: list[int]) -> list[tuple[str, ...]]:
    """Vendi of draws at 0.5 and at 1, and whether 1 is the same as none."""
    plain = {seed: arm.sample(n, seed).numpy() for seed in seeds}
    same = all(np.array_equal(arm.sample(n, seed, temperature=1.0).numpy(), plain[seed]) for seed in seeds[:1])

    def vendi(clips: np.ndarray) -> float:
        return vendi_score(directions(embed(clips)))

    before = [vendi(clips) for clips in plain.values()]
    rows = [
        (f"`--temperature {value:g}`", "Vendi", _spread([vendi(arm.sample(n, s, value).numpy()) for s in seeds]))
        for value in (0.5, 0.8)
    ]
    equal = ("`--temperature 1`", "are all clips the same?", "yes" if same else "no", "")
    return [*((*row, _spread(before)) for row in rows), equal]


def near(arm: Arm, embed: Embed, prepared: PreparedDataset) -> tuple[str, ...]:
    """The mean distance of draws from a held-out sound, over several of these."""
    test = np.asarray(prepared.clips("test"))
    files = test[np.linspace(0, len(test) - 1, NEAR_FILES).round().astype(int)]
    plain = embed(arm.sample(NEAR_DRAWS * NEAR_FILES, 0).numpy())
    within, without = [], []
    for number, (clip, place) in enumerate(zip(files, embed(files), strict=True)):
        drawn = embed(arm.sample(NEAR_DRAWS, number, near=clip).numpy())
        within.append(float(np.linalg.norm(drawn - place, axis=1).mean()))
        without.append(float(np.linalg.norm(plain - place, axis=1).mean()))
    nearer = sum(a < b for a, b in zip(within, without, strict=True))
    said = f"mean distance from the file; nearer for {nearer} of {NEAR_FILES} files"
    return "`--near`", said, f"{np.mean(within):.2f}", f"{np.mean(without):.2f}"


def label(arm: Arm, embed: Embed, prepared: PreparedDataset, given: argparse.Namespace) -> tuple[str, ...]:
    """How many draws with and without the label a classifier of real clips calls of its kind."""
    kind = re.compile(given.kind, re.IGNORECASE)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000))
    splits = {
        split: (
            embed(np.asarray(prepared.clips(split))),
            [bool(kind.search(row["label"])) for row in prepared.rows(split)],
        )
        for split in SPLITS
    }
    classifier.fit(*splits["train"])
    held_out = [np.concatenate([splits[split][part] for split in ("valid", "test")]) for part in (0, 1)]
    accuracy = balanced_accuracy_score(held_out[1], classifier.predict(held_out[0]))

    def share(asked: str | None) -> list[float]:
        return [
            float(classifier.predict(embed(arm.sample(given.n, s, label=asked).numpy())).mean()) for s in given.seeds
        ]

    said = f"share called a kick (balanced accuracy on {len(held_out[1])} held-out clips: {accuracy:.2f})"
    return f"`--label {given.label}`", said, _spread(share(given.label)), _spread(share(None))


def copies(arm: Arm, embed: Embed, prepared: PreparedDataset, n: int, seeds: list[int]) -> tuple[str, ...]:
    """How many draws lie nearer to a training clip than 1 in 20 real validation clips does."""
    training = embed(np.asarray(prepared.clips("train")))

    def nearest(clips: np.ndarray) -> np.ndarray:
        return distances(embed(clips), training).min(axis=1)

    least = np.quantile(nearest(np.asarray(prepared.clips("valid"))), COPY_QUANTILE)
    with_it, without = [], []
    for seed in seeds:
        generator, sampler = arm.generator(seed), arm.sampler()
        kept = np.stack(list(without_copies(arm, n, lambda count: arm.draw(count, generator, sampler))))  # noqa: B023
        with_it.append(float((nearest(kept) <= least).mean()))
        without.append(float((nearest(arm.sample(n, seed).numpy()) <= least).mean()))
    return "`--no-copies`", "share nearer to a training clip than allowed", _spread(with_it), _spread(without)


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})"


if __name__ == "__main__":
    main()
