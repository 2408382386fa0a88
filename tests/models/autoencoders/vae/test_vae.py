"""Encoder, decoder and the whole autoencoder, over what `params.yaml` may say of them."""

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from flowshot.densities.distributions import gaussian_kl
from flowshot.models.autoencoders.vae.blocks import ResidualBlock
from flowshot.models.autoencoders.vae.decoder import Decoder
from flowshot.models.autoencoders.vae.encoder import MIXED, Encoder, averages, frames_of, padding_of
from flowshot.models.autoencoders.vae.fine_spectrum import log_level
from flowshot.models.autoencoders.vae.pqmf import PQMF
from flowshot.models.autoencoders.vae.slots import measure
from flowshot.models.autoencoders.vae.vae import LOG_SCALE_RANGE, VAE
from flowshot.training.losses import ReconstructionLoss
from seeded import generator
from tiny_vae import ARMS, tiny_config
from tiny_vae import LOSS as SPECTRAL

every_arm = pytest.mark.parametrize("arm", ARMS)
every_pooling = pytest.mark.parametrize("pooling", ["flatten", "mean"])


def tiny(**changes):
    values = {
        "bands": 4, "latent_size": 3, "channels": (4, 6), "strides": (4, 2), "flow_layers": 2, "flow_width": 8,
    }  # fmt: skip
    return tiny_config(**{**values, **changes})


def make(config, clip_samples=250):
    torch.manual_seed(0)
    return VAE(config, clip_samples, 16000)


def sounds(count, samples, seed=0):
    """Decaying noise, as loud as full scale allows."""
    noise = torch.rand(count, samples, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return noise * torch.linspace(1, 0, samples) ** 2


@every_pooling
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    samples=st.integers(1, 700),
    batch=st.integers(1, 3),
    strides=st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_clips_of_every_length_come_back_with_their_length(pooling, samples, batch, strides):
    config = tiny(
        pooling=pooling,
        channels=tuple(range(2, 2 + len(strides))),
        strides=tuple(strides),
    )
    output = make(config, samples)(sounds(batch, samples), generator())
    assert output.clips.shape == (batch, samples)
    assert output.latent.shape == (batch, config.latent_size)
    assert output.kl.shape == (batch,)
    for tensor in (output.clips, output.latent, output.kl):
        assert torch.isfinite(tensor).all()
    assert output.clips.abs().max() <= 1  # below 1, but for the rounding of float32
    assert output.clips.dtype == torch.float32


@every_pooling
def test_a_second_at_44100_hz_passes_through(pooling):
    config = tiny(bands=32, pooling=pooling, channels=(4, 4, 4), strides=(4, 4, 2), latent_size=8)
    assert make(config, 44_100)(sounds(1, 44_100)).clips.shape == (1, 44_100)


@pytest.mark.parametrize("samples", [1, 31, 32, 33, 16_000, 44_100])
def test_padding_covers_the_edges_of_the_filter_bank_and_the_last_frame_and_no_more(samples):
    config = tiny()
    (before, behind), frame, edge = padding_of(config, samples), 4 * 4 * 2, 4 * PQMF.EDGE
    assert before == edge and edge <= behind < edge + frame
    assert frames_of(config, samples) * frame == before + samples + behind


def test_flattening_keeps_the_time_of_an_event_and_averaging_forgets_it():
    clips = torch.zeros(2, 512)
    clips[0, 128:160] = sounds(1, 32)
    clips[1, 320:352] = sounds(1, 32)
    distances = {}
    for pooling in ("flatten", "mean"):
        torch.manual_seed(0)
        encoder = Encoder(tiny(pooling=pooling), 512)
        padded = functional.pad(clips, encoder.padding)
        with torch.no_grad():
            first, second = encoder(padded, measure(padded, 4))
        if pooling == "mean":  # the fine spectrum keeps the quarter of an event
            before, behind = 6 + 4, 6 + 4 + encoder.fine.size  # channels and levels; of the mixed ones nothing
            first, second = (torch.cat([x[:before], x[behind : behind + 4]]) for x in (first, second))
        distances[pooling] = float((first - second).norm() / first.norm())
    assert distances["mean"] < 0.2 * distances["flatten"]


def test_the_divergence_under_mean_pooling_is_that_of_the_pooled_vector():
    """Not the average of divergences of single frames, and not narrowed by averaging draws."""
    model = make(tiny(pooling="mean"))
    frames = []
    model.encoder.layers.register_forward_hook(lambda module, inputs, output: frames.append(output))
    clips = sounds(4, 250)
    features = []
    model.heads.register_forward_hook(lambda module, inputs, output: features.append(inputs[0]))
    with torch.no_grad():
        kl = model(clips).kl
        mean, log_scale = model.heads(features[0]).chunk(2, -1)
    torch.testing.assert_close(features[0][:, :6], frames[0].mean(-1))
    assert frames[0].shape[-1] > 1
    torch.testing.assert_close(kl, gaussian_kl(mean, log_scale.clamp(*LOG_SCALE_RANGE)).sum(-1))


def test_the_decoder_is_bounded_whatever_the_latent():
    torch.manual_seed(0)
    decoder = Decoder(tiny(), 250)
    with torch.no_grad():
        for scale in (0.0, 1.0, 10.0, 1e4):
            clips = decoder(scale * torch.randn(4, 3, generator=generator()))
            assert torch.isfinite(clips).all()
            assert clips.abs().max() <= 1


def test_a_decoder_without_generator_is_deterministic():
    model, latent = make(tiny()), torch.ones(2, 3)
    with torch.no_grad():
        first, again = model.decode(latent), model.decode(latent)
        torch.randn(10)  # what others draw changes nothing
        torch.testing.assert_close(model.decode(latent), first, rtol=0, atol=0)
        drawn = [model.decode(latent, generator(seed)) for seed in (1, 1, 2)]
    assert (first == again).all()
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()


def test_amplitudes_can_make_digital_silence():
    decoder = Decoder(tiny(), 250)
    with torch.no_grad():
        decoder.amplitudes.bias.fill_(-20.0)
        decoder.amplitudes.weight.zero_()
        assert decoder(torch.randn(2, 3, generator=generator())).abs().max() < 1e-8


def test_a_decoder_of_waveforms_draws_nothing_and_hears_its_latent():
    decoder = Decoder(tiny(waveform=True), 250)
    latents = torch.randn(2, 3, generator=generator())
    with torch.no_grad():
        drawn = [decoder(latents, generator(seed)) for seed in (1, 2)]
    assert (drawn[0] == drawn[1]).all() and (drawn[0][0] != drawn[0][1]).any()
    names = set(dict(decoder.named_parameters()))
    assert not any("pitch" in name for name in names), "what is not heard is not trained"


def test_sub_bands_are_put_together_in_full_precision():
    for config in (tiny(), tiny(waveform=True)):
        decoder = Decoder(config, 400)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            assert decoder(torch.zeros(1, 3)).dtype == torch.float32


def test_averages_are_of_the_clip_and_of_its_parts():
    power = torch.zeros(1, 2, 12)
    power[0, 0, :4] = 1.0
    means = averages(power, parts=3)
    assert means.shape == (1, 2, 4)
    torch.testing.assert_close(means[0], torch.tensor([[1 / 3, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))
    torch.testing.assert_close(averages(power, 0), means[..., :1])


def test_levels_reach_from_silence_to_full_scale():
    torch.testing.assert_close(log_level(torch.tensor([0.0, 1.0])), torch.tensor([-2.0, 2.0]))


def test_the_latent_sets_the_level_of_bands_and_of_parts_directly():
    torch.manual_seed(0)
    config = tiny()
    decoder = Decoder(replace(config, latent_size=4 * (1 + frames_of(config, 256))), 256)
    latent = torch.zeros(1, decoder.inner.in_features)
    with torch.no_grad():
        decoder.levels.weight.copy_(torch.eye(len(latent[0])))
        decoder.inner.weight.zero_()  # the frames are the same for every latent
        decoder.inner.bias.copy_(torch.randn(decoder.inner.bias.shape, generator=generator()))
        before = decoder(latent)
        rows = latent.unflatten(1, (4, -1))  # of the clip, then of its parts
        rows[..., 0] = -20.0
        assert decoder(latent).abs().max() < 1e-6
        rows[..., 0], rows[..., -2:] = 0.0, -20.0  # the last part lies behind the clip
        after = decoder(latent)
    assert after[0, -8:].abs().max() < 0.1 * before[0, -8:].abs().max()


def test_a_residual_block_starts_as_the_identity():
    """On its own and within the whole autoencoder, whatever initialises the other layers."""
    for block in [m for m in make(tiny()).modules() if isinstance(m, ResidualBlock)]:
        x = torch.randn(2, block.dilated.in_channels, 20, generator=generator())
        assert (block(x) == x).all()


@every_arm
def test_training_and_evaluation_agree(arm):
    model, clips = make(tiny(**ARMS[arm])), sounds(4, 250)
    with torch.no_grad():
        training = model.train()(clips, generator())
        evaluation = model.eval()(clips, generator())
    for name in ("clips", "latent", "kl"):
        assert (getattr(training, name) == getattr(evaluation, name)).all()


@every_arm
def test_encoding_draws_from_the_posterior_that_the_loss_is_of(arm):
    model, clips = make(tiny(**ARMS[arm])), sounds(4, 250)
    with torch.no_grad():
        latent = model(clips, generator()).latent
        assert (model.encode(clips, generator())[:, 0] == latent).all()
        several = model.encode(clips, generator(), draws=500)
        means = model.encode_mean(clips)
    assert several.shape == (4, 500, 3)
    # Untrained flows are the identity, so here the image of the mean is the mean of the images.
    error = several.std(1) / 500**0.5
    assert ((several.mean(1) - means).abs() < 5 * error + 1e-6).all()


@every_arm
@every_pooling
def test_every_parameter_of_every_arm_learns(arm, pooling):
    """Zero-initialised layers hold back the gradient of what lies before them for one step."""
    model = make(tiny(pooling=pooling, **ARMS[arm]))
    loss = ReconstructionLoss(replace(SPECTRAL, fft_sizes=(64, 32)), 16000)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    clips, untouched, draws = sounds(4, 250), dict(model.named_parameters()), generator()
    for _ in range(2):
        output = model(clips, draws)
        optimizer.zero_grad()
        (loss(output.clips, clips)[0] + output.extra_loss + output.kl).mean().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            if parameter.grad.abs().sum() > 0:
                untouched.pop(name, None)
        optimizer.step()
    assert list(untouched) == []


@pytest.mark.parametrize(
    ("posterior", "prior"), list(itertools.product(["none", "nsf", "realnvp", "maf", "iaf"], repeat=2))
)
def test_every_pair_of_flows_gives_a_finite_loss(posterior, prior):
    model = make(tiny(posterior_flow=posterior, prior_flow=prior))
    output = model(sounds(2, 250), generator())
    (output.clips.sum() + output.kl.sum()).backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@every_arm
def test_silence_and_full_scale_give_finite_losses(arm):
    model = make(tiny(**ARMS[arm]))
    for clips in (torch.zeros(2, 250), torch.ones(2, 250), torch.full((2, 250), 1e-40)):
        output = model(clips, generator())
        assert torch.isfinite(output.kl).all() and torch.isfinite(output.clips).all()


def test_reduced_precision_leaves_the_levels_of_quiet_sub_bands_as_they_are():
    """Training in bfloat16 must see what encoding in float32 will see."""
    time = torch.arange(4000) / 16000
    clips = (0.5 * torch.sin(2 * torch.pi * 440 * time) * torch.exp(-12 * time)).unsqueeze(0)
    config = tiny(bands=16)
    encoder = Encoder(config, 4000)
    padded = functional.pad(clips, encoder.padding)
    slots = measure(padded, config.bands)
    means = config.bands * (1 + encoder.frames)
    with torch.no_grad():
        whole = encoder(padded, slots)
        with torch.autocast("cpu", torch.bfloat16):
            reduced = encoder(padded, slots).float()
    first = encoder.size - means - MIXED
    assert (whole - reduced)[:, first : first + means].abs().max() < 0.05  # the rounding of the features
