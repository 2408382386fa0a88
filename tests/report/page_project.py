"""A made-up project as the stages leave it: scores, models, runs, clips and a dataset, of any plan."""

import csv
import json
from pathlib import Path

import numpy as np
import soundfile

from defaults import default
from flowshot.core.plan import DIRECT, REAL, RECONSTRUCTION, BudgetConfig, PlanConfig
from flowshot.report.build import build_report, report_tables
from flowshot.report.config import ReportConfig
from flowshot.report.language import Language
from flowshot.report.page.build import write_page
from flowshot.report.project import Project
from flowshot.report.results import external_arms, planned_arms, read_report

RATE, SAMPLES = 16000, 16000
LATENT = 8
# Recordings of the training clips and of the pairs; names that would be script if they were not text.
SOURCES = ['kits/<script>window.pwned = 1</script> "rim".wav', "kits/o'hat & 🥁.wav", "kits/plain.wav"]


def make_plan(**changes: object) -> PlanConfig:
    axes = {"datasets": ("drums",), "autoencoders": ("no_nf", "flow"), "generators": (), "priors": ("own", "nf")}
    return PlanConfig(
        **{"name": "tiny", **axes, "seeds": (0,), "budget": BudgetConfig(250, 32), "clips": None, **changes}
    )


def write_project(
    root: Path, plan: PlanConfig, *, seconds: float = 0.25, difference: float = -4.0, noise: float = 1.0
) -> None:
    """Write everything of every arm. The FAD of the flows differs from that of no_nf by `difference`."""
    draws = np.random.default_rng(0)
    for dataset in plan.datasets:
        write_dataset(root / "data" / "prepared" / dataset, dataset, seconds, draws)
    for arm in planned_arms(plan):
        dataset, model, prior, seed = arm
        write_json(Project(root).scores(arm), arm_scores(plan, model, prior, seed, difference, noise))
        if model == REAL:
            continue
        place = Path(dataset, model, prior, str(seed))
        write_json(root / "runs" / "score" / place / "run.json", {"plan": plan.name})
        write_json(root / "runs" / "score" / place / "mlflow.json", {"run_id": f"{seed:032x}"})
        if prior == RECONSTRUCTION:
            write_training(root, plan, (dataset, model, seed))
            write_demonstration(root / "demonstrations" / dataset / model / str(seed), seconds, draws)
            continue
        write_generated(root / "generated" / place, seconds, draws)
        write_json(root / "runs" / "sample" / place / "run.json", {"seconds": 2.0, "clips": 80})
        if prior == DIRECT:
            folder = root / "models" / dataset / model / str(seed)
            write_json(folder / "config.json", {"kind": "copies" if model == "copies" else "gan"})
            write_json(folder / "diagnostics.json", {"parameters": 7})
        else:
            nats = {"prior_nats": 8.0, "ci_low": 7.0, "ci_high": 9.0, "n": 30, "dimensions": LATENT}
            write_json(root / "priors" / place / "nats.json", nats)


def build(root: Path, plan: PlanConfig, out: Path, language: Language = "en") -> Path:
    """The whole report of the project, in `out`."""
    out.mkdir(parents=True)
    report = read_report(plan, Project(root), default(ReportConfig, "report", language=language), 0.95)
    build_report(report, Project(root), out, {}, "abc123")
    return out


def build_page(root: Path, plan: PlanConfig, out: Path, language: Language = "en") -> str:
    """The page of the project alone, in `out`, without tables and figures beside it; returns its text."""
    out.mkdir(parents=True)
    report = read_report(plan, Project(root), default(ReportConfig, "report", language=language), 0.95)
    names = dict.fromkeys((*plan.datasets, *(arm[0] for arm in external_arms(root))))
    tables = {name: report_tables(report, name) for name in names}
    write_page(out, Project(root), report, tables, {}, "abc123")
    return (out / "index.html").read_text(encoding="utf-8")


def arm_scores(
    plan: PlanConfig, autoencoder: str, prior: str, seed: int, difference: float, noise: float = 1.0
) -> list[dict]:
    """Scores under two embeddings, as the `score` stage writes them."""
    place = plan.autoencoders.index(autoencoder) if autoencoder in plan.autoencoders else 0
    fad = {"real": 2.0, "reconstruction": 8.0, "direct": 3.0 if autoencoder == "copies" else 9.0}.get(
        prior, 14.0 + difference * min(place, 1) + 0.1 * place * bool(difference) + 0.5 * seed
    )
    found, moved = [], [0.02 * (i % 3 - 1) for i in range(40)]
    for embedding in ("yamnet", "logmel"):
        about = {"embedder": embedding, "sample_rate": RATE, "dimensions": 16, "weights_sha256": "ab" * 32}
        about |= {"runtime": "numpy 1.26.4", "policy": {"pad": "zero", "hop": 1.0}, "skipped": []}
        influences = {
            metric: {
                "candidate_variance": (0.1 * noise * unit) ** 2,
                "reference": {f"source {i}": moved[i] * unit for i in range(40)},
            }
            for metric, unit in (("fad", 1.0), ("kid", 0.001))
        }
        values = {"fad": fad, "kid": fad / 1000, "kad_p": 0.001, "precision": 0.5, "training_distance": 1.5}
        for metric, value in values.items():
            extra = {"influence": influences[metric]} if metric in influences else {}
            found.append(score(metric, embedding, value, **about, **extra))
        closest = [
            {"candidate": f"clip {i}", "training": str(i), "distance": 1.0 + i, "authentic": i > 0} for i in range(3)
        ]
        found.append(score("authenticity", embedding, 0.98, **about, closest=closest))
    if prior == RECONSTRUCTION:
        found.append(score("mrstft", "none", 1.2 + 0.01 * place))
    return found


def score(metric: str, embedding: str, value: float, **details: object) -> dict:
    number = {"metric": metric, "embedding": embedding, "value": value}
    return {**number, "ci_low": 0.9 * value, "ci_high": 1.1 * value, "n": 40, **details}


def write_training(root: Path, plan: PlanConfig, training: tuple[str, str, int]) -> None:
    dataset, autoencoder, seed = training
    folder = root / "models" / dataset / autoencoder / str(seed)
    collapsed = autoencoder.startswith("collapsed")
    used, kl = 0 if collapsed else LATENT, 30.0 + plan.autoencoders.index(autoencoder)
    diagnosis = {
        "verdict": "collapsed" if collapsed else "healthy", "used_units": used, "latent_size": LATENT,
        "reconstruction": 20.0, "shuffle_gap": 0.2 if collapsed else 9.0, "n": 40,
        "kl": kl, "mutual_information": kl - 8, "marginal_kl": 8.0, "active_units": LATENT,
        "reconstruction_gap": 0.5, "parameters": 4213456,
    }  # fmt: skip
    write_json(folder / "diagnostics.json", diagnosis)
    run = {"plan": plan.name, "seconds": 61.5, "machine": "2 cores, torch 2.11.0, cpu", "precision": "bfloat16"}
    runs = root / "runs" / "train" / dataset / autoencoder / str(seed)
    write_json(runs / "run.json", run)
    write_rows(runs / "times.csv", "step,seconds", [(step, step / 4) for step in range(1, plan.budget.steps + 1)])
    with (folder / "history.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["step", "train_reconstruction", "train_kl", "valid_loss", "valid_reconstruction", "mutual_information"]
        )
        for step in range(1, plan.budget.steps + 1, 2):
            validated = (30 / step + 12, 30 / step + 10, 5.0) if step % 50 == 1 else ("", "", "")
            writer.writerow([step, 100 / step + 8, 200 / step + 20, *validated])


def write_demonstration(folder: Path, seconds: float, draws: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    write_json(folder / "pairs.json", [{"group": SOURCES[pair % len(SOURCES)]} for pair in range(4)])
    names = [f"{pair}-{kind}" for pair in range(4) for kind in ("original", "reconstruction")]
    for name in [*names, *(f"walk-{walk}-{step}" for walk in range(2) for step in range(7))]:
        soundfile.write(folder / f"{name}.flac", sound(seconds, draws), RATE, subtype="PCM_24")


def write_generated(folder: Path, seconds: float, draws: np.random.Generator) -> None:
    (folder / "listen").mkdir(parents=True)
    clips = np.stack([sound(seconds, draws) for _ in range(16)]).astype(np.float32)
    np.save(folder / "clips.npy", clips)
    for index, clip in enumerate(clips):
        soundfile.write(folder / "listen" / f"{index:02d}.flac", clip, RATE, subtype="PCM_24")


def write_dataset(folder: Path, name: str, seconds: float, draws: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    rows, samples = [], int(seconds * RATE)
    for split in ("train", "valid", "test"):
        np.save(folder / f"{split}.npy", np.stack([sound(seconds, draws) for _ in range(3)]).astype(np.float32))
        rows += [(i, split, SOURCES[i], SOURCES[i], 0, seconds, "", "00") for i in range(3)]
    card = {
        "name": name, "source": "folder", "sample_rate": RATE, "clip_samples": samples, "licence": "CC0 <b>",
        "origin": "made by a test", "incomplete": [], "counts": {"clips": dict.fromkeys(("train", "valid", "test"), 3)},
        "packages": [{"name": "kits", "version": "1.0", "licence": "CC0", "origin": "nowhere", "sha256": "cd" * 32}],
    }  # fmt: skip
    write_json(folder / "dataset.json", card)
    write_rows(folder / "manifest.csv", "clip,split,group,source,start,seconds,label,sha256", rows)
    audit = [(source, "kept", "", 1, RATE, 1, "") for source in SOURCES] + [("x.wav", "dropped", "silent", 1, 1, 1, "")]
    write_rows(folder / "audit.csv", "source,status,reason,seconds,sample_rate,channels,copy_of", audit)


def sound(seconds: float, draws: np.random.Generator) -> np.ndarray:
    """A decaying tone."""
    time = np.arange(int(seconds * RATE)) / RATE
    return 0.8 * np.sin(2 * np.pi * draws.uniform(100, 3000) * time) * np.exp(-time * draws.uniform(5, 30))


def write_rows(path: Path, header: str, rows: list[tuple]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
