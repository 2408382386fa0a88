"""Measure speed on this machine: `make bench` writes `reports/benchmarks.json`.

Each number is the best of several runs. Ratios compare with the named peer in the same process, because machines
differ and are shared; absolute numbers say little.
"""

import statistics
import sys
import time
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from flowshot.comparison.embedded import NamedClips
from flowshot.config.autoencoder import AutoencoderConfig
from flowshot.config.evaluation import ScoreConfig
from flowshot.config.priors import PriorsConfig
from flowshot.config.training import BudgetConfig, LossConfig, TrainConfig
from flowshot.diagnostics.latent import diagnose
from flowshot.diagnostics.watch import watch
from flowshot.embeddings.cache import EmbeddingCache
from flowshot.embeddings.registry import embedder
from flowshot.files import write_json
from flowshot.metrics.frechet import frechet_distance
from flowshot.models.vae import VAE
from flowshot.priors.registry import PRIORS, make_prior
from flowshot.provenance import machine
from flowshot.randomness import numpy_generator
from flowshot.scoring import score_against_reference
from flowshot.stage import workers
from flowshot.training.device import prepare_threads
from flowshot.training.loop import train
from flowshot.training.losses import ReconstructionLoss

SAMPLE_RATE, CLIP_SECONDS = 16000, 1.0
RUNS = 3
# Of the dataset `samples`.
VALIDATION_CLIPS = 118


def main() -> None:
    """Run every benchmark and write the numbers."""
    prepare_threads(workers())
    clips = decaying_noise(64)
    results = {
        "machine": machine(),
        "decoding_times_real_time": decoding_speed(),
        "training_loop_over_bare_step": loop_overhead(clips),
        "diagnosis_over_training": diagnosis_share(clips),
        "yamnet_clips_per_second": embedding_speed(clips),
        "frechet_distance_over_frechet_audio_distance": {
            f"d={d}, n={n}": frechet_speed(d, n) for d, n in ((512, 1000), (1024, 1000), (2048, 1000))
        },
        "seconds_to_sample_1000_latents": prior_seconds(1000),
        "seconds_to_score_1000_against_1000_clips": scoring_seconds(1000),
    }
    write_json(Path("reports/benchmarks.json"), results)
    for name, value in results.items():
        print(f"{name}: {value}")


def seconds(action: Callable[[], object], runs: int = RUNS) -> float:
    """The shortest time that `action` takes, after one run to warm up."""
    action()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def decaying_noise(count: int, seed: int = 0) -> np.ndarray:
    """`[count, samples]` float32, quiet at the end as one-shots are."""
    samples = round(SAMPLE_RATE * CLIP_SECONDS)
    noise = numpy_generator(seed, "bench").normal(size=(count, samples)) * np.linspace(1, 0, samples) ** 3
    return (0.2 * noise).astype(np.float32)


@torch.no_grad()
def decoding_speed() -> float:
    """Seconds of audio that the default decoder makes in a second."""
    model = VAE(AutoencoderConfig(), round(SAMPLE_RATE * CLIP_SECONDS)).eval()
    latents = torch.zeros(64, model.config.latent_size)
    return len(latents) * CLIP_SECONDS / seconds(lambda: model.decode(latents))


def loop_overhead(clips: np.ndarray, steps: int = 10) -> float:
    """Time of the training loop, without validation, as a multiple of its forward, backward and step alone."""
    model = VAE(AutoencoderConfig(), clips.shape[1])
    config = TrainConfig(validate_every=10**6, precision="float32")
    budget = BudgetConfig(steps, 16)
    loss, optimizer = ReconstructionLoss(LossConfig(), 16000), torch.optim.AdamW(model.parameters())
    batch = torch.from_numpy(clips[:16])

    def bare() -> None:
        output = model(batch)
        total = loss(output.clips, batch)[0].mean() + output.kl.mean()
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()

    def looped() -> float:
        # The last step always validates: its one clip is a small part of the time.
        return train(model, clips, clips[:1], 16000, config, budget, torch.Generator().manual_seed(0)).seconds

    looped()
    return statistics.median([looped() / steps for _ in range(RUNS)]) / seconds(bare, runs=10)


def diagnosis_share(clips: np.ndarray) -> dict[str, float]:
    """Time of the latent diagnosis as a part of that of training, by arm and by the steps of the plan.

    Of its cheap form at every validation and the whole one at the end, with as many validation clips as `samples` has.
    """
    arms = {"no_nf": {}, "nf_both": {"posterior_flow": "iaf", "prior_flow": "nsf"}}
    shares = {}
    for name, flows in arms.items():
        step, cheap, whole = diagnosis_seconds(VAE(AutoencoderConfig(**flows), clips.shape[1]), clips)
        for steps in (200, 700):
            validations = -(-steps // TrainConfig().validate_every)
            shares[f"{name}, {steps} steps"] = (validations * cheap + whole) / (steps * step)
    return shares


def diagnosis_seconds(model: VAE, clips: np.ndarray) -> tuple[float, float, float]:
    """Seconds of a training step of 16 clips, of the cheap diagnosis, and of the whole one."""
    held_out = np.resize(clips, (VALIDATION_CLIPS, clips.shape[1]))
    loss, optimizer = ReconstructionLoss(LossConfig(), SAMPLE_RATE), torch.optim.AdamW(model.parameters())
    batch, beta = torch.from_numpy(clips[:16]), TrainConfig().beta

    def step() -> None:
        output = model(batch)
        total = loss(output.clips, batch)[0].mean() + beta * output.kl.mean()
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()

    def distance(estimate: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return loss(estimate, target)[0]

    def whole() -> None:
        diagnose(model, held_out, distance, torch.Generator().manual_seed(0), np.resize(clips, (600, clips.shape[1])))

    of_step = seconds(step, runs=5)
    with torch.no_grad():
        posterior = model.eval().posterior(torch.from_numpy(held_out))
    return of_step, seconds(lambda: watch(model, posterior, held_out, distance)), seconds(whole, runs=1)


def embedding_speed(clips: np.ndarray) -> float:
    """Clips a second through YAMNet, resampling and windows included."""
    yamnet, many = embedder("yamnet"), np.tile(clips, (4, 1))
    return len(many) / seconds(lambda: yamnet.embed(many, SAMPLE_RATE))


def frechet_speed(dimensions: int, count: int) -> float:
    """How many times faster the distance is than frechet-audio-distance's, from the same embeddings."""
    # Importing that package asks a hub for the tokenizers of laion_clap, of which its distance uses nothing.
    sys.modules.setdefault("laion_clap", types.ModuleType("laion_clap"))
    from frechet_audio_distance.fad import FrechetAudioDistance  # after the module above

    peer = object.__new__(FrechetAudioDistance)  # its constructor loads a network
    peer.verbose = False
    generator = numpy_generator(0, "bench", str(dimensions))
    x, y = generator.normal(size=(2, count, dimensions))

    def by_peer() -> float:
        moments = (*peer.calculate_embd_statistics(x), *peer.calculate_embd_statistics(y))
        return float(peer.calculate_frechet_distance(*moments))

    return seconds(by_peer, runs=1) / seconds(lambda: frechet_distance(x, y))


def prior_seconds(count: int) -> dict[str, float]:
    """Seconds to draw latents from each prior at its default size, and how much longer `rave` takes than `nf`.

    A clip takes this and its decoding. What the weights are does not matter, so none is fitted.
    """
    model, config = VAE(AutoencoderConfig(prior_flow="nsf"), round(SAMPLE_RATE * CLIP_SECONDS)), PriorsConfig()
    taken = {}
    for name in PRIORS:
        prior = make_prior(name, config, model)
        taken[name] = seconds(partial(prior.sample, count, torch.Generator().manual_seed(0)))
    return taken | {"rave over nf": taken["rave"] / taken["nf"]}


def scoring_seconds(count: int) -> float:
    """Seconds to score clips against as many, and against as many training clips, with every metric and interval."""
    candidate, reference, learned = (decaying_noise(count, seed) for seed in range(3))
    names = [str(i) for i in range(count)]
    with TemporaryDirectory() as cache:
        start = time.perf_counter()
        score_against_reference(
            candidate,
            reference,
            names,
            SAMPLE_RATE,
            ScoreConfig(),
            seed=0,
            cache=EmbeddingCache(cache),
            training=NamedClips(learned, names, names),
        )
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
