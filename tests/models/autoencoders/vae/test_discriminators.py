"""Networks that tell real clips from decoded ones."""

import pytest
import torch
from torch import nn

from defaults import default
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.discriminators import Discriminators, SpectrogramDiscriminator
from flowshot.models.autoencoders.vae.vae import VAE
from seeded import generator


def clips(samples, count=2, seed=0):
    return 0.3 * torch.randn(count, samples, generator=generator(seed))


@pytest.mark.parametrize("samples", [1, 2, 63, 64, 1001])
def test_clips_of_any_length_are_judged_also_shorter_than_an_fft(samples):
    judgements = Discriminators(generator())(clips(samples, count=3))
    assert len(judgements) == 3
    for judgement in judgements:
        assert len(judgement.logits) == 3 and judgement.logits.numel() >= 3
        assert all(torch.isfinite(x).all() and x.numel() > 0 for x in [judgement.logits, *judgement.features])


@pytest.mark.parametrize("samples", [50, 1001])
def test_the_gradient_reaches_every_parameter_and_the_clips(samples):
    discriminators, batch = Discriminators(generator()), clips(samples).requires_grad_()
    judgements = discriminators(batch)
    torch.stack([judgement.logits.square().mean() for judgement in judgements]).sum().backward()
    for name, parameter in discriminators.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
    assert (batch.grad.abs().amax(1) > 0).all()


def test_each_clip_is_judged_by_itself():
    discriminators, batch = Discriminators(generator()), clips(500, count=4)
    together, alone = discriminators(batch), discriminators(batch[1:2])
    for a, b in zip(together, alone, strict=True):
        assert torch.allclose(a.logits[1:2], b.logits, rtol=1e-4, atol=1e-4)


def test_silence_is_judged_without_infinite_slopes():
    discriminators, batch = Discriminators(generator()), torch.zeros(2, 500, requires_grad=True)
    torch.stack([judgement.logits.sum() for judgement in discriminators(batch)]).sum().backward()
    assert torch.isfinite(batch.grad).all() and batch.grad.abs().max() < 1e3


def test_what_is_far_below_the_attack_is_seen_and_what_nobody_hears_is_not():
    discriminator, silent = SpectrogramDiscriminator(256, generator()), torch.zeros(1, 4000)
    noise = clips(4000, count=1) / 0.3

    def change(amplitude):
        difference = discriminator(amplitude * noise).features[0] - discriminator(silent).features[0]
        return float(difference.detach().abs().mean())

    loud, quiet, inaudible = change(0.3), change(0.003), change(3e-6)
    assert quiet > 0.05 * loud, "40 dB below: a hundredth of the amplitude, a tenth in the network"
    assert inaudible < 1e-3 * loud


def test_initial_weights_are_drawn_from_the_generator_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = Discriminators(generator())
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(2)
    again, other = Discriminators(generator()), Discriminators(generator(1))
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
    assert any(not torch.equal(w, other.state_dict()[n]) for n, w in first.state_dict().items())


def multiplications(module, run):
    """Multiplications of all convolutions and linear layers of `module` in `run()`, for a batch of one."""
    counted = []

    def count(layer, _, output):
        per_output = layer.weight[0].numel() * (1 if isinstance(layer, nn.Linear) else output[0, 0].numel())
        counted.append(per_output * layer.weight.shape[0] * output.shape[0])

    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        run()
    for handle in handles:
        handle.remove()
    return sum(counted)


def test_the_discriminators_need_less_than_half_of_the_autoencoder():
    batch, discriminators = clips(16000, count=1), Discriminators(generator())
    model = VAE(default(VAEConfig, "autoencoder"), 16000, 16000)
    judged, decoded = (multiplications(x, lambda x=x: x(batch)) for x in (discriminators, model))
    assert 1e6 < judged < 0.5 * decoded
