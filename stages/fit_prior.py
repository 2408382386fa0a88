"""Fit a prior to the frozen latents of a model: `python stages/fit_prior.py DATASET AUTOENCODER PRIOR SEED`.

Writes `priors/DATASET/AUTOENCODER/PRIOR/SEED/`: the fitted prior, and how many nats it needs for the latents of
the test clips, which it has not seen.
"""

import time
from pathlib import Path

import numpy as np

from flowshot.clips.prepared import read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import scratch_folder, whole_folder, write_json, writing
from flowshot.core.mean_interval import mean_standard_error, student_interval
from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage, stop_requests, warn, workers
from flowshot.core.provenance import work_digest
from flowshot.core.randomness import seed_initial_weights, torch_generator
from flowshot.models.base.latents import draw_latents
from flowshot.models.base.storage import load_model
from flowshot.priors.registry import make_prior
from flowshot.training.checkpoint import Checkpoint
from flowshot.training.device import prepare_threads

# Where a fit lies while it goes on, and stays where it ends early.
CHECKPOINTS = Path(".flowshot/checkpoints/priors")
# Draws of the posterior for each clip.
TRAIN_DRAWS, HELD_OUT_DRAWS = 4, 4


def main() -> None:
    """Draw latents, fit, and measure on held-out latents."""
    chosen = arguments(__doc__, "dataset", "autoencoder", "prior", "seed")
    model_name = (chosen.dataset, chosen.autoencoder)
    params = read_params()
    dataset = read_prepared(Path("data/prepared") / chosen.dataset)
    prepare_threads(workers())
    model_folder = Path("models").joinpath(*model_name, str(chosen.seed))
    model, _ = load_model(model_folder)
    seed_initial_weights(chosen.seed, *model_name, chosen.prior)
    prior = make_prior(chosen.prior, params.fit_prior, model)

    name = (*model_name, chosen.prior, str(chosen.seed))
    parameters = params.prior_parameters(chosen.prior)
    digest = work_digest({"name": name, **parameters}, *dataset.files, model_folder / "weights.safetensors")
    draws = torch_generator(chosen.seed, "fit_prior", *model_name, chosen.prior)
    with scratch_folder(CHECKPOINTS.joinpath(*name, digest[:16])) as scratch, stop_requests() as stop_requested:
        with dataset.required_unchanged():
            # The same latents for every prior of a model, so that their nats compare.
            generator = torch_generator(chosen.seed, "latents", *model_name)
            train_latents = draw_latents(model, dataset.clips("train"), TRAIN_DRAWS, generator).flatten(0, 1)
            valid_latents = draw_latents(model, dataset.clips("valid"), HELD_OUT_DRAWS, generator).flatten(0, 1)
            test_latents = draw_latents(model, dataset.clips("test"), HELD_OUT_DRAWS, generator)
            start = time.perf_counter()
            prior.fit(train_latents, valid_latents, draws, Checkpoint(scratch, stop_requested, say=warn))
            seconds = time.perf_counter() - start
            nats = -prior.log_prob(test_latents.flatten(0, 1)).unflatten(0, test_latents.shape[:2]).mean(1)
        out = Path("priors").joinpath(*name)
        with writing(out), whole_folder(out) as folder:
            prior.save(folder)
            summary = summarise(nats.numpy(), dataset.groups("test"), params.score.confidence)
            write_json(folder / "nats.json", summary | {"dimensions": test_latents.shape[-1]})
            write_json(folder / "prior.json", {"prior": chosen.prior, "fit_seconds": seconds})


def summarise(nats: np.ndarray, groups: list[str], confidence: float) -> dict[str, float | int | None]:
    """Mean negative log density in nats per clip, with its interval over independent sources."""
    if not np.isfinite(nats).all():
        raise FlowshotError("the prior gives a test latent no finite density; lower fit_prior's learning_rate or width")
    value = float(nats.mean())
    low, high = student_interval(value, mean_standard_error(nats, groups), confidence)
    return {"prior_nats": value, "ci_low": low, "ci_high": high, "n": len(nats)}


if __name__ == "__main__":
    stage(main)
