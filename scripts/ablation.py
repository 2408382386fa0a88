"""Train every option of `ablation.yaml` for the same time, and score what it makes of the validation clips.

    python scripts/ablation.py DATASET --minutes 4 --seeds 0 1 --jobs 2 --out reports/ablation

Writes `results.csv` in the folder `--out`, one row a training, and `table.md`, one row an option. A training that is
in `results.csv` is not done again. The test split is not read.

Equal time by equal steps would be unfair to what is quick, and a clock in the loop could not be repeated: so the time
of a step is measured first, in processor time of one core, and kept in `seconds_per_step.json`. Other programs slow a
core for minutes on end: so an option is timed in turns with the defaults, and their ratio counts.
"""

import argparse
import csv
import json
import math
import multiprocessing
import os
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from tqdm import tqdm

from flowshot.clips.prepared import PreparedDataset, read_prepared
from flowshot.core.files import write_json
from flowshot.core.params import Params, read_params
from flowshot.core.randomness import seed_initial_weights, torch_generator
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.training.config import BudgetConfig, Precision, TrainConfig

BATCH_SIZE = 16
# Of the timed steps the median counts; the first ones, in which memory is found, and the last, which validates, do not.
TIMED_STEPS, UNTIMED_STEPS = 12, 3
# Of an option and the defaults, in turns.
ROUNDS = 3
# Of what FAD does not hear: part of the band, samples, frames, and the magnitude from which a bin sounds.
EDGE, FFT_SIZE, RUN, QUIET = 0.02, 512, 8, 1e-4
BASE = "params_yaml"  # the defaults, as `seconds_per_step.json` names them
COLUMNS = (
    "option", "seed", "steps", "fad", "kid", "constant_tone", "valid_reconstruction", "reconstruction_gap", "kl",
    "train_seconds", "envelope_correlation", "edge_excess", "variation",
)  # fmt: skip
# Of the table: column of the results, factor, and digits.
CELLS = {
    "FAD": ("fad", 1, 1), "KID x 1000": ("kid", 1000, 1), "shared tone (dB)": ("constant_tone", 1, 1),
    "envelope": ("envelope_correlation", 1, 3), "edge (dB)": ("edge_excess", 1, 1), "variation": ("variation", 1, 3),
    "loss": ("valid_reconstruction", 1, 2), "gap": ("reconstruction_gap", 1, 2), "KL": ("kl", 1, 0),
}  # fmt: skip


@dataclass(frozen=True)
class Option:
    """One difference from the defaults."""

    name: str
    autoencoder: VAEConfig
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
    unknown = ", ".join(name for name in chosen.only if name not in options)
    if unknown:
        parser.error(f"--only {unknown}: not in {chosen.options}")
    names = chosen.only or [name for name in options if name != BASE]
    base = options.pop(BASE)
    seconds = measured_steps(
        chosen.out / "seconds_per_step.json", chosen.dataset, base, [options[name] for name in names], chosen.jobs
    )
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
    """Every entry of the file, and `BASE`, checked as `autoencoders` in params.yaml are, in one precision."""
    base = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    entries = {BASE: {}, **yaml.safe_load(path.read_text(encoding="utf-8"))}
    merged = base | {"autoencoders": base["autoencoders"] | entries}
    scratch = path.with_name(f".{path.stem}-{os.getpid()}.yaml")
    try:
        scratch.write_text(yaml.safe_dump(merged), encoding="utf-8")
        params: Params = read_params(scratch)
    finally:
        scratch.unlink(missing_ok=True)
    return {
        name: Option(name, params.autoencoders[name], replace(params.training[name], precision=precision))
        for name in entries
    }


def pin() -> None:
    """Bind a worker to one core, so that trainings side by side do not take turns on it."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[(multiprocessing.current_process()._identity[0] - 1) % len(cores)]})


def measured_steps(path: Path, dataset: str, base: Option, options: list[Option], jobs: int) -> dict[str, float]:
    """Seconds of one step of every option on one core, from `path` where they are there already."""
    known: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    missing = [option for option in options if option.name not in known]
    if missing:
        with multiprocessing.get_context("spawn").Pool(jobs, initializer=pin, maxtasksperchild=1) as pool:
            timed = pool.map(time_in_turns, [(dataset, base, option) for option in missing], 1)
        of_base = known.setdefault(base.name, statistics.median(seconds for seconds, _ in timed))
        known |= {option.name: of_base * ratio for option, (_, ratio) in zip(missing, timed, strict=True)}
        write_json(path, known)
    return known


def time_in_turns(work: tuple[str, Option, Option]) -> tuple[float, float]:
    """Seconds of a step of the defaults, and those of the option over them: medians over the rounds."""
    dataset, base, option = work
    rounds = [(time_steps(dataset, base), time_steps(dataset, option)) for _ in range(ROUNDS)]
    return statistics.median(one for one, _ in rounds), statistics.median(other / one for one, other in rounds)


def time_steps(dataset: str, option: Option) -> float:
    """Seconds of processor time of one step of an option, its second phase weighted by its share."""
    share = option.train.adversarial.share
    plain = timed_step(dataset, option, phase_share=0.0)
    return (1 - share) * plain + share * timed_step(dataset, option, phase_share=0.5) if share else plain


def timed_step(dataset: str, option: Option, phase_share: float) -> float:
    """Seconds of processor time of a step at the end of a training of which `phase_share` is the second phase."""
    from flowshot.models.autoencoders.vae.loop import train

    prepared, model = prepare(dataset, option, seed=0)
    adversarial = replace(option.train.adversarial, share=phase_share)
    times: list[float] = []
    train(
        model, prepared.clips("train"), prepared.clips("valid")[:2], prepared.sample_rate,
        replace(option.train, log_every=1, validate_every=10 * TIMED_STEPS, adversarial=adversarial),
        BudgetConfig(TIMED_STEPS, BATCH_SIZE), torch_generator(0, "time"),
        lambda row: times.append(time.process_time()),
    )  # fmt: skip
    # The first step of the phase makes what it needs.
    first = max(UNTIMED_STEPS, round(phase_share * TIMED_STEPS) + 1)
    return statistics.median(np.diff(times[:-1])[first:])


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
    from flowshot.core.params import project_params
    from flowshot.generation.sampling import reconstruct_clips
    from flowshot.models.autoencoders.vae.loop import train
    from flowshot.scoring.config import PolicyConfig
    from flowshot.scoring.embeddings.registry import embedder
    from flowshot.scoring.metrics.constant_tone import constant_tone
    from flowshot.scoring.metrics.frechet import frechet_distance
    from flowshot.scoring.metrics.kernel import kid
    from flowshot.scoring.metrics.waveform import envelope_correlation

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
    embed = embedder("yamnet", project_params().section("score.policy", PolicyConfig))
    real, decoded = (embed.embed(np.asarray(clips), prepared.sample_rate) for clips in (valid, made))
    row = trained.best_row
    return {
        "option": option.name, "seed": seed, "steps": steps, "fad": frechet_distance(decoded, real),
        "kid": kid(decoded, real), "constant_tone": constant_tone(made, prepared.sample_rate).decibels,
        "valid_reconstruction": row["valid_reconstruction"], "reconstruction_gap": row["reconstruction_gap"],
        "kl": row["valid_kl"], "train_seconds": trained.seconds,
        "envelope_correlation": envelope_correlation(made, valid, prepared.sample_rate).mean(),
        "edge_excess": edge_level(made) - edge_level(valid), "variation": variation(made) / variation(valid),
    }  # fmt: skip


def edge_level(clips: np.ndarray) -> float:
    """Level of the top `EDGE` of the band in dB, on average over clips: neither YAMNet nor mel bands hear it."""
    power = magnitudes(clips)[:, -round(EDGE * FFT_SIZE / 2) :].square().mean((1, 2))
    return float(10 * (power + 1e-12).log10().mean())


def variation(clips: np.ndarray) -> float:
    """Standard deviation of log magnitudes over `RUN` frames, in nepers, where it sounds: tones do not vary."""
    found = magnitudes(clips)
    runs = (found[..., : found.shape[-1] // RUN * RUN] + QUIET / 10).log().unflatten(-1, (-1, RUN))
    return float(runs.std(-1)[runs.mean(-1) > math.log(QUIET)].mean())


def magnitudes(clips: np.ndarray) -> torch.Tensor:
    """Magnitude spectrograms `[n, bins, frames]` of clips `[n, samples]`; a full-scale sine is near 1."""
    window = torch.hann_window(FFT_SIZE)
    spectra = torch.stft(torch.from_numpy(np.array(clips)), FFT_SIZE, FFT_SIZE // 4, window=window, return_complex=True)
    return spectra.abs() * 2 / window.sum()


def read_rows(path: Path) -> list[dict[str, str]]:
    """The trainings that are done."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add a training; the file is there after the first, whatever becomes of the others."""
    rows = read_rows(path)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else COLUMNS, extrasaction="ignore")
        if not rows:
            writer.writeheader()
        writer.writerow(row)


def table(rows: list[dict[str, str]], names: list[str]) -> str:
    """Markdown: a row an option, each number the mean over seeds with half the range of the seeds behind it."""
    lines = [f"| option | n seeds | steps | {' | '.join(CELLS)} |", f"|---{'|--:' * (2 + len(CELLS))}|"]
    for name in names:
        mine = [row for row in rows if row["option"] == name]
        if mine:
            # A column that came later is missing from older results.
            cells = [
                spread([float(row[key]) * factor for row in mine if key in row], digits)
                for key, factor, digits in CELLS.values()
            ]
            lines.append(f"| `{name}` | {len(mine)} | {mine[0]['steps']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def spread(values: list[float], digits: int) -> str:
    """Mean, and half of the distance of the largest from the smallest where there are several; "-" for none."""
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{statistics.mean(values):.{digits}f} ± {(max(values) - min(values)) / 2:.{digits}f}"


if __name__ == "__main__":
    main()
