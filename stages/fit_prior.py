"""Fit a prior to the latents of an autoencoder: `python stages/fit_prior.py DATASET AUTOENCODER PRIOR SEED`.

Writes `priors/DATASET/AUTOENCODER/PRIOR/SEED/`: the fitted prior, and how many nats it needs for the latents of the
test clips, which it has not seen. An interrupted fit resumes when the same command runs again.
"""

import time
from functools import partial
from pathlib import Path

from flowshot.clips.attributes import training_attributes
from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.files import scratch_folder, whole_folder, write_json, writing
from flowshot.core.params import read_params
from flowshot.core.process import prepare_threads, stage, stop_requests, warn, workers
from flowshot.core.provenance import work_digest
from flowshot.core.randomness import seed_initial_weights, torch_generator
from flowshot.core.records import write_record
from flowshot.core.sections import to_dict
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.models.base.latents import read_latents
from flowshot.optimisation.checkpoint import CHECKPOINTS, Checkpoint
from flowshot.priors.base import fit_prior, held_out_nats
from flowshot.priors.registry import make_prior, prior_config, save_prior


def main(dataset: str, autoencoder: str, prior: str, seed: int) -> None:
    """Read latents, fit, and measure on held-out latents."""
    trained, name = (dataset, autoencoder, str(seed)), (dataset, autoencoder, prior, str(seed))
    params = read_params()
    config, confidence = prior_config(params, prior), params.section("score.confidence", float)
    prepared = read_prepared(PREPARED / dataset)
    prepare_threads(workers())
    model, _ = load_autoencoder(Path("models", *trained))
    seed_initial_weights(seed, dataset, autoencoder, prior)
    fitted = make_prior(prior, config, model)

    latents = Path("latents", *trained)
    digest = work_digest({"name": name, "prior": to_dict(config)}, *sorted(latents.glob("*.npy")))
    draws = torch_generator(seed, "fit_prior", dataset, autoencoder, prior)
    with (
        scratch_folder(CHECKPOINTS.joinpath("priors", *name, digest[:16])) as scratch,
        stop_requests() as stop_requested,
    ):
        start = time.perf_counter()
        drawn = read_latents(latents, "train"), read_latents(latents, "valid")
        fit_prior(
            fitted, drawn, partial(training_attributes, prepared), draws, Checkpoint(scratch, stop_requested, say=warn)
        )
        seconds = time.perf_counter() - start
        nats = held_out_nats(fitted, read_latents(latents, "test"), prepared.groups("test"), confidence)
        out = Path("priors", *name)
        with writing(out), whole_folder(out) as folder:
            save_prior(folder, fitted, config)
            write_json(folder / "nats.json", nats)
        write_record(
            Path("runs/fit_prior", *name), stage="fit_prior", plan=params.plan.name, dataset=dataset,
            model=autoencoder, prior=prior, seed=seed, parameters={"fit_prior": {prior: to_dict(config)}},
            seconds=seconds,
        )  # fmt: skip


if __name__ == "__main__":
    stage(main, __doc__)
