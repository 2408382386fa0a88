"""What fine-tuning is worth: 200 sounds that the start model never heard, learned from scratch and on from that model.

    flowshot plan thesis && dvc repro train@samples_original-no_nf-0
    flowshot plan systems && dvc repro prepare@samples
    python scripts/fine_tuning.py --start models/samples_original/no_nf/0 --out tuning

The pack is a part of `samples` and not of `samples_original`, from which the start model learned. The prepared dataset
`few` has about 200 of its training clips, its validation clips, and all its other clips for the test. Arms of it train
by the stages of the pipeline for equal steps: from random weights, and from the start model (`train.start_from`); the
third is the start model as it is. Prints the table of `docs/faq.md`. What is in DIR already is not made again.
"""

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from flowshot.clips.prepared import SPLITS, PreparedDataset, Split, read_prepared
from flowshot.core.files import read_json, write_json
from flowshot.core.params import project_params
from flowshot.core.randomness import numpy_generator

REPOSITORY = Path(__file__).resolve().parents[1]
TRAINING_CLIPS = 200
PRIOR = "gmm"
ARMS = {"scratch": "from scratch", "tuned": "fine-tuned", "untuned": "start model as it is"}
METRICS = ("fad", "kid")
BATCH_SIZE, VALIDATE_EVERY = 16, 50


def main() -> None:
    """Split, train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, default=Path("data/prepared/samples"), help="(%(default)s)")
    parser.add_argument("--start", type=Path, required=True, metavar="MODEL_DIR", help="the start model")
    parser.add_argument("--pack", default="freepats", help="that the start model never heard (%(default)s)")
    parser.add_argument("--steps", type=int, default=150, help="of each arm (%(default)s)")
    parser.add_argument("--clips", type=int, default=500, help="that an arm draws (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="of the arms (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder for all that this makes")
    given = parser.parse_args()
    write_few(read_prepared(given.samples), given.pack, given.out / "data/prepared/few")
    write_params(given.out, given.steps, given.clips, str(given.start.resolve()))
    for arm in ARMS:
        for seed in given.seeds:
            stage(given.out, f"models/few/{arm}/{seed}", "train", "few", arm, seed)
            stage(given.out, f"latents/few/{arm}/{seed}", "encode", "few", arm, seed)
            for name, outputs in (("fit_prior", "priors"), ("sample", "generated")):
                stage(given.out, f"{outputs}/few/{arm}/{PRIOR}/{seed}", name, "few", arm, PRIOR, seed)
            stage(given.out, f"scores/few/{arm}/{PRIOR}/{seed}.json", "score", "few", arm, PRIOR, seed)
    print(table(given.out, given.seeds))


def write_few(samples: PreparedDataset, pack: str, folder: Path) -> None:
    """Write the prepared dataset `few`: of the pack's clips of `samples`, 200 for training."""
    if (folder / "dataset.json").is_file():
        return
    ours: dict[Split, list[int]] = {
        split: [i for i, row in enumerate(samples.rows(split)) if row["pack"] == pack] for split in SPLITS
    }
    groups = samples.groups("train")
    names = sorted({groups[i] for i in ours["train"]})
    learned: set[int] = set()
    for place in numpy_generator(0, "fine_tuning", pack).permutation(len(names)):
        if len(learned) >= TRAINING_CLIPS:
            break
        learned |= {i for i in ours["train"] if groups[i] == names[place]}  # takes of one sound stay in one split
    others = [i for i in ours["train"] if i not in learned]
    parts: dict[Split, list[tuple[Split, list[int]]]] = {
        "train": [("train", sorted(learned))], "valid": [("valid", ours["valid"])],
        "test": [("test", ours["test"]), ("train", others)],
    }  # fmt: skip
    folder.mkdir(parents=True)
    rows: list[dict[str, str]] = []
    for split, sources in parts.items():
        np.save(folder / f"{split}.npy", np.concatenate([samples.clips(source)[places] for source, places in sources]))
        for source, places in sources:
            theirs = samples.rows(source)
            rows += [theirs[i] | {"split": split} for i in places]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    write_json(folder / "dataset.json", samples.card | {"name": folder.name})


def write_params(folder: Path, steps: int, clips: int, start: str) -> None:
    """The project's parameters with a plan of the dataset `few` and the three arms."""
    values: dict[str, Any] = json.loads(json.dumps(project_params().values))
    # A step whose learning rate is almost 0 is the least that a training takes.
    values["autoencoders"] = {
        "scratch": {},
        "tuned": {"train": {"start_from": start}},
        "untuned": {"train": {"start_from": start, "learning_rate": 1e-12}, "steps_share": 0.5 / steps},
    }
    values["datasets"] = {"few": values["datasets"]["samples"]}
    values["plans"] = {}
    values["plan"] |= {
        "name": "few", "clips": clips, "datasets": ["few"], "autoencoders": list(ARMS), "generators": [],
        "priors": [PRIOR], "seeds": [0], "budget": {"steps": steps, "batch_size": BATCH_SIZE},
    }  # fmt: skip
    values["train"]["validate_every"] = VALIDATE_EVERY
    values["score"]["metrics"] = list(METRICS)
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def stage(folder: Path, output: str, name: str, *words: object) -> None:
    """Run a stage in the project, unless its output is there."""
    if not (folder / output).exists():
        command = [sys.executable, str(REPOSITORY / f"stages/{name}.py"), *map(str, words)]
        subprocess.run(command, cwd=folder, check=True)


def table(folder: Path, seeds: list[int]) -> str:
    """One row per arm: the mean over seeds of each metric, and its smallest and largest value."""
    scores = {
        (arm, seed): read_json(folder / f"scores/few/{arm}/{PRIOR}/{seed}.json") for arm in ARMS for seed in seeds
    }
    histories = {
        (arm, seed): read_json(folder / f"models/few/{arm}/{seed}/diagnostics.json") for arm in ARMS for seed in seeds
    }
    first = next(iter(scores.values()))
    places = [place for place, one in enumerate(first) if one["metric"] in METRICS]
    columns = [(first[place]["metric"], first[place]["embedding"]) for place in places]
    n, tested = first[0]["n"], first[0]["reference_n"]
    lines = [
        f"{n} drawn, {tested} test clips, {len(seeds)} seeds: mean (smallest to largest)", "",
        "| arm | reconstruction loss | " + " | ".join(f"{metric} {embedding}" for metric, embedding in columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]  # fmt: skip
    for arm, title in ARMS.items():
        cells = [_spread([float(histories[arm, seed]["valid_reconstruction"]) for seed in seeds])]
        for place in places:
            cells.append(_spread([float(scores[arm, seed][place]["value"]) for seed in seeds]))
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    shown: Callable[[float], str] = "{:.3g}".format
    return f"{shown(float(np.mean(values)))} ({shown(min(values))} to {shown(max(values))})"


if __name__ == "__main__":
    main()
