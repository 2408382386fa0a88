"""Train every option of `ablation.yaml` for the same time, and score what it makes of the validation clips.

    python scripts/ablation.py DATASET --minutes 4 --seeds 0 1 --jobs 2 --out reports/ablation

Writes `results.csv` in the folder `--out`, one row a training, and `table.md`, one row an option. A training that is
in `results.csv` is not done again. The test split is not read.

Equal time by equal steps would be unfair to what is quick, and a clock in the loop could not be repeated: so the time
of a step is measured first, in processor time of one core, and kept in `seconds_per_step.json`.
"""

import argparse
import csv
import json
import multiprocessing
import os
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tqdm import tqdm

from flowshot.config.autoencoder import AutoencoderConfig
from flowshot.config.training import BudgetConfig, Precision, TrainConfig
from flowshot.datasets.prepared import PreparedDataset, read_prepared
from flowshot.files import write_json
from flowshot.models.vae import VAE
from flowshot.params import Params, read_params
from flowshot.randomness import seed_initial_weights, torch_generator

BATCH_SIZE = 16
# Of the timed steps the median counts; the first ones, in which memory is found, and the last, which validates, do not.
TIMED_STEPS, UNTIMED_STEPS = 20, 3
COLUMNS = ("option", "seed", "steps", "fad", "kid", "valid_reconstruction", "reconstruction_gap", "kl", "train_seconds")


@dataclass(frozen=True)
class Option:
    """One difference from the defaults."""

    name: str
    autoencoder: AutoencoderConfig
    train: TrainConfig


def main() -> None:
    """Measure the steps, train what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--options", type=Path, default=Path(__file__).with_suffix(".yaml"))
    parser.add_argument("--only", nargs="+", default=[], help="names of options; all by default")
    parser.add_argument("--minutes", type=float, default=4.0, help="of training, on one core")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="trainings side by side")
    # In params.yaml's `auto`, a machine that multiplies bfloat16 would train otherwise than one that does not.
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="float32")
    parser.add_argument("--out", type=Path, default=Path("reports/ablation"))
    chosen = parser.parse_args()
    options = read_options(chosen.options, chosen.precision)
    chosen.out.mkdir(parents=True, exist_ok=True)
    results = chosen.out / "results.csv"
    done = {(row["option"], int(row["seed"])) for row in read_rows(results)}
    names = chosen.only or list(options)
    seconds = measured_steps(chosen.out / "seconds_per_step.json", chosen.dataset, [options[name] for name in names])
    work = [
        (chosen.dataset, options[name], seed, round(chosen.minutes * 60 / seconds[name]))
        for seed in chosen.seeds
        for name in names
        if (name, seed) not in done
    ]
    # Spawned, because a forked process would share the state of torch's threads.
    with multiprocessing.get_context("spawn").Pool(chosen.jobs, initializer=pin, maxtasksperchild=1) as pool:
        for row in tqdm(pool.imap_unordered(train_and_score, work), total=len(work), disable=None):
            append_row(results, row)
    (chosen.out / "table.md").write_text(table(read_rows(results), list(options)), encoding="utf-8")


def read_options(path: Path, precision: Precision) -> dict[str, Option]:
    """Every entry of the file, checked as entries of `autoencoders` in params.yaml are, in one precision."""
    base = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    merged = base | {"autoencoders": base["autoencoders"] | yaml.safe_load(path.read_text(encoding="utf-8"))}
    scratch = path.with_name(f".{path.stem}-{os.getpid()}.yaml")
    try:
        scratch.write_text(yaml.safe_dump(merged), encoding="utf-8")
        params: Params = read_params(scratch)
    finally:
        scratch.unlink(missing_ok=True)
    names = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        name: Option(name, params.autoencoders[name], replace(params.training[name], precision=precision))
        for name in names
    }


def pin() -> None:
    """Bind a worker to one core, so that trainings side by side do not take turns on it."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[(multiprocessing.current_process()._identity[0] - 1) % len(cores)]})


def measured_steps(path: Path, dataset: str, options: list[Option]) -> dict[str, float]:
    """Seconds of one step of every option on one core, from `path` where they are there already."""
    known: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    missing = [option for option in options if option.name not in known]
    if missing:
        with multiprocessing.get_context("spawn").Pool(1, initializer=pin, maxtasksperchild=1) as pool:
            for option, seconds in zip(missing, pool.map(time_steps, [(dataset, o) for o in missing], 1), strict=True):
                known[option.name] = seconds
        write_json(path, known)
    return known


def time_steps(work: tuple[str, Option]) -> float:
    """Seconds of processor time of one step of an option, its second phase weighted by its share."""
    from flowshot.training.loop import train

    dataset, option = work
    prepared, model = prepare(dataset, option, seed=0)
    share = option.train.adversarial.share
    times: list[float] = []
    train(
        model, prepared.clips("train"), prepared.clips("valid")[:2], prepared.sample_rate,
        replace(option.train, log_every=1, validate_every=10 * TIMED_STEPS), BudgetConfig(TIMED_STEPS, BATCH_SIZE),
        torch_generator(0, "time"), lambda row: times.append(time.process_time()),
    )  # fmt: skip
    seconds, second_phase = np.diff(times[:-1]), TIMED_STEPS - round(share * TIMED_STEPS)
    plain = statistics.median(seconds[UNTIMED_STEPS : second_phase - 1])
    return (1 - share) * plain + (share * statistics.median(seconds[second_phase:]) if share else 0.0)


def prepare(dataset: str, option: Option, seed: int) -> tuple[PreparedDataset, VAE]:
    """The dataset, and the option's model as it is before training."""
    from flowshot.training.device import prepare_threads

    prepare_threads(1)
    prepared = read_prepared(Path("data/prepared") / dataset)
    # Every option starts from the same draws: only what differs by name would differ else.
    seed_initial_weights(seed, "ablation")
    return prepared, VAE(option.autoencoder, prepared.clip_samples)


def train_and_score(work: tuple[str, Option, int, int]) -> dict[str, Any]:
    """Train one option and measure its reconstructions of the validation clips."""
    from flowshot.embeddings.registry import embedder
    from flowshot.generation import reconstruct_clips
    from flowshot.metrics.frechet import frechet_distance
    from flowshot.metrics.kernel import kid
    from flowshot.training.loop import train

    dataset, option, seed, steps = work
    prepared, model = prepare(dataset, option, seed)
    valid = prepared.clips("valid")
    budget = BudgetConfig(steps, BATCH_SIZE)
    trained = train(
        model, prepared.clips("train"), valid, prepared.sample_rate, option.train, budget,
        torch_generator(seed, "ablation"),
    )  # fmt: skip
    model.load_state_dict(trained.best)
    made = reconstruct_clips(model, valid, BATCH_SIZE, torch_generator(seed, "ablation", "reconstruct")).clips
    embed = embedder("yamnet")
    real, decoded = (embed.embed(np.asarray(clips), prepared.sample_rate) for clips in (valid, made))
    row = trained.best_row
    return {
        "option": option.name, "seed": seed, "steps": steps, "fad": frechet_distance(decoded, real),
        "kid": kid(decoded, real), "valid_reconstruction": row["valid_reconstruction"],
        "reconstruction_gap": row["reconstruction_gap"], "kl": row["valid_kl"], "train_seconds": trained.seconds,
    }  # fmt: skip


def read_rows(path: Path) -> list[dict[str, str]]:
    """The trainings that are done."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add a training; the file is there after the first, whatever becomes of the others."""
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


def table(rows: list[dict[str, str]], names: list[str]) -> str:
    """Markdown: a row an option, each number the mean over seeds with half the range of the seeds behind it."""
    lines = ["| option | n seeds | steps | FAD | KID x 1000 | loss | gap | KL |", "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for name in names:
        mine = [row for row in rows if row["option"] == name]
        if mine:
            cells = [
                spread([float(row[key]) * factor for row in mine], digits)
                for key, factor, digits in (
                    ("fad", 1, 1), ("kid", 1000, 1), ("valid_reconstruction", 1, 2), ("reconstruction_gap", 1, 2),
                    ("kl", 1, 0),
                )
            ]  # fmt: skip
            lines.append(f"| `{name}` | {len(mine)} | {mine[0]['steps']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def spread(values: list[float], digits: int) -> str:
    """Mean, and half of the distance of the largest from the smallest where there are several."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{statistics.mean(values):.{digits}f} ± {(max(values) - min(values)) / 2:.{digits}f}"


if __name__ == "__main__":
    main()
