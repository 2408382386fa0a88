"""How fast clips are made."""

from functools import partial

import torch

from benchmarks.measuring import CLIP_SAMPLES, CLIP_SECONDS, Numbers, default_model, seconds
from flowshot.core.params import project_params
from flowshot.generation.config import SampleConfig
from flowshot.generation.sampling import sample_clips
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.priors.config import PriorsConfig
from flowshot.priors.registry import PRIORS, make_prior


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
    model, config = VAE(VAEConfig(prior_flow="nsf"), CLIP_SAMPLES).eval(), PriorsConfig()
    batch_size, numbers, latents = project_params().section("sample", SampleConfig).batch_size, Numbers(), {}
    for name in PRIORS:
        prior = make_prior(name, config, model)
        latents[name] = seconds(partial(prior.sample, count, torch.Generator().manual_seed(0)), runs=2)
        numbers[f"{name}, seconds for {count} latents"] = latents[name]
        draw = partial(sample_clips, model, prior, count, batch_size, torch.Generator().manual_seed(0))
        numbers[f"{name}, times real time"] = count * CLIP_SECONDS / seconds(draw, runs=1)
    return numbers | {"latents: seconds of rave over nf": latents["rave"] / latents["nf"]}
