"""How fast clips are made."""

from functools import partial

import torch
from equal_time import seconds_a_step

from benchmarks.measuring import (
    BATCH_SIZE,
    CLIP_SAMPLES,
    CLIP_SECONDS,
    SAMPLE_RATE,
    Numbers,
    default_model,
    once,
    seconds,
)
from flowshot.core.params import project_params
from flowshot.generation.config import SampleConfig
from flowshot.generation.generated import sample_directly
from flowshot.generation.sampling import sample_clips
from flowshot.models.base.kind import ModelCard
from flowshot.models.generators.registry import read_generator
from flowshot.priors.registry import PRIORS, make_prior, prior_config


@torch.no_grad()
def decoding(count: int = 64) -> Numbers:
    """The default decoder alone."""
    model = default_model().eval()
    latents = torch.zeros(count, model.config.latent_size)
    return {"times real time": count * CLIP_SECONDS / seconds(lambda: model.decode(latents))}


def sampling(count: int = 1000) -> Numbers:
    """Latents from every prior at its default size, clips from it with decoding, and `rave` against `nf`.

    What the weights are does not matter to the time, so no prior is fitted. `own` is a flow here.
    """
    model, params = default_model(prior_flow="nsf").eval(), project_params()
    batch_size, numbers, latents = params.section("sample", SampleConfig).batch_size, Numbers(), {}
    for name in PRIORS:
        prior = make_prior(name, prior_config(params, name), model)
        latents[name] = seconds(partial(prior.sample, count, torch.Generator().manual_seed(0)), runs=2)
        numbers[f"{name}, seconds for {count} latents"] = latents[name]
        draw = partial(sample_clips, model, prior, count, batch_size, torch.Generator().manual_seed(0))
        numbers[f"{name}, times real time"] = count * CLIP_SECONDS / seconds(draw, runs=1)
    return numbers | {"latents: seconds of rave over nf": latents["rave"] / latents["nf"]}


def generators(count: int = BATCH_SIZE) -> Numbers:
    """Training steps and clips of every network without an encoder at its size for a CPU.

    Clips are drawn untrained, which takes as long. DrumGAN's steps are of its whole growth.
    """
    numbers = Numbers()
    for name in ("drumgan", "crash"):
        entry = read_generator(project_params(), name)
        card = ModelCard(entry.kind_name, entry.config, "bench", SAMPLE_RATE, CLIP_SAMPLES, {})
        model = entry.kind.build(card, None).eval()
        draw = partial(sample_directly, model, count, count, torch.Generator().manual_seed(0))
        numbers[f"{name}, training steps per second"] = 1 / seconds_a_step(name, steps=20)
        numbers[f"{name}, seconds for 1000 clips"] = once(draw) * 1000 / count
    return numbers
