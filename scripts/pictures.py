"""Draw the pictures of the README from a finished plan: `python scripts/pictures.py DATASET AUTOENCODER PRIOR SEED`.

Writes `spectrograms.png`: held-out clips, the same clips through the autoencoder, and clips that the arm made; and
`distances.png`, the FAD of every arm from `reports/PLAN/results.csv`, where PLAN is the one that `params.yaml` chooses.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.params import read_params
from flowshot.core.process import run_script
from flowshot.report.config import ReportConfig
from flowshot.report.language import Words
from flowshot.report.plots import draw_distances
from flowshot.report.results import Report
from flowshot.report.spectrogram import decibel_spectrogram
from flowshot.report.style import drawn_figure

COLUMNS = 8
WORDS = Words()


def main() -> None:
    """Draw both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("dataset", "autoencoder", "prior", "seed"):
        parser.add_argument(name)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder (%(default)s)")
    chosen = parser.parse_args()
    params = read_params()
    results = Path("reports") / params.plan.name / "results.csv"
    if not results.is_file():
        raise FlowshotError(f"{results}: not found; run the plan first: make repro")
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        spectrograms, distances = Path(folder) / "spectrograms", Path(folder) / "distances"
        draw_clips(spectrograms, chosen.dataset, chosen.autoencoder, chosen.prior, chosen.seed)
        margin = params.section("report", ReportConfig).equivalence_margin
        report = Report(params.plan, pd.read_csv(results), 3, 0.95, margin, WORDS)
        draw_distances(distances, report, chosen.dataset)
        for stem in (spectrograms, distances):  # pages show PNG; the report has the figures as PDF too
            (chosen.out / f"{stem.name}.png").write_bytes(stem.with_suffix(".png").read_bytes())


def draw_clips(stem: Path, dataset: str, autoencoder: str, prior: str, seed: str) -> None:
    """Three rows of spectrograms; the first two show the same clips, spread over the test split."""
    prepared = read_prepared(PREPARED / dataset)
    made = Path("generated") / dataset / autoencoder
    real = prepared.clips("test")
    reconstructed = np.load(made / "reconstruction" / seed / "clips.npy", mmap_mode="r")
    generated = np.load(made / prior / seed / "clips.npy", mmap_mode="r")
    places = np.linspace(0, len(real) - 1, COLUMNS).astype(int)
    rows = (("real", real[places]), ("reconstructed", reconstructed[places]), ("generated", generated[:COLUMNS]))
    with drawn_figure(stem, 9.0, 3.0, WORDS) as figure:
        panels = figure.subplots(len(rows), COLUMNS, sharex=True, sharey=True)
        for line, (name, clips) in zip(panels, rows, strict=True):
            line[0].set_ylabel(f"{name}\nkHz")
            for panel, clip in zip(line, clips, strict=True):
                frequencies, times, levels = decibel_spectrogram(clip, prepared.sample_rate)
                extent = (times[0], times[-1], frequencies[0] / 1000, frequencies[-1] / 1000)
                panel.imshow(levels, vmin=-80, vmax=0, cmap="magma", origin="lower", aspect="auto", extent=extent)
                panel.grid(visible=False)
        figure.supxlabel("seconds", fontsize="medium")


if __name__ == "__main__":
    run_script(main)
