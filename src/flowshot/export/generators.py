"""Trained generators as one TorchScript file. Networks are traced; the draws around them are compiled."""

from pathlib import Path

import torch
from torch import Tensor, nn

from flowshot.core.errors import FlowshotError
from flowshot.export.torchscript import TRACED_CLIPS, largest_gap, quiet_tracing, read_back
from flowshot.generation.generated import sample_directly
from flowshot.models.base.model import ClipModel
from flowshot.models.generators.crash.model import Crash
from flowshot.models.generators.crash.samplers import Sampler
from flowshot.models.generators.drumgan.model import Drumgan


class ExportedCrash(nn.Module):
    """What the file of a CRASH holds: the network and the steps of its sampler."""

    def __init__(self, arm: str, model: Crash, batch_size: int, sampler: nn.Module) -> None:
        super().__init__()
        self.arm, self.sample_rate, self.clip_samples = arm, model.sample_rate, model.clip_samples
        self.batch_size = batch_size
        self.sampler = sampler

    @torch.jit.export
    def sample(self, n: int, seed: int) -> Tensor:
        """`n` clips `[n, clip_samples]`."""
        generator = torch.Generator()
        generator.manual_seed(seed)
        clips = []
        for first in range(0, n, self.batch_size):
            size = min(self.batch_size, n - first)
            noise = torch.randn([size, self.clip_samples], generator=generator)
            clips.append(self.sampler(noise, generator).clamp(-1.0, 1.0))
        return torch.cat(clips)


class DrumganDecoder(nn.Module):
    """The network and the inverse transform, to be traced."""

    def __init__(self, model: Drumgan) -> None:
        super().__init__()
        self.model = model

    def forward(self, latents: Tensor, asked: Tensor) -> Tensor:
        """Clips of latents and attributes."""
        return self.model.decode(latents, asked)


class ExportedDrumgan(nn.Module):
    """What the file of a DrumGAN holds: network, inverse transform, and the attributes of training clips."""

    known: Tensor

    def __init__(self, arm: str, model: Drumgan, batch_size: int, decoder: nn.Module) -> None:
        super().__init__()
        self.arm, self.sample_rate, self.clip_samples = arm, model.sample_rate, model.clip_samples
        self.latent_size, self.batch_size = model.config.latent_size, batch_size
        self.attributes = ",".join(model.attribute_names)
        self.register_buffer("known", model.known)
        self.decoder = decoder

    @torch.jit.export
    def decode(self, latents: Tensor, asked: Tensor) -> Tensor:
        """Clips of `latents: [n, latent_size]`, drawn from N(0, 1), with the attributes `asked: [n, attributes]`."""
        assert latents.size(1) == self.latent_size and asked.size(1) == self.known.size(1), "sizes do not fit"
        return self.decoder(latents, asked)

    @torch.jit.export
    def sample(self, n: int, seed: int) -> Tensor:
        """`n` clips `[n, clip_samples]`, with attributes as training clips have them."""
        generator = torch.Generator()
        generator.manual_seed(seed)
        clips = []
        for first in range(0, n, self.batch_size):
            size = min(self.batch_size, n - first)
            asked = self.known[torch.randint(self.known.size(0), [size], generator=generator)]
            clips.append(self.decoder(torch.randn([size, self.latent_size], generator=generator), asked))
        return torch.cat(clips)


@torch.no_grad()
def export_generator(arm: str, model: ClipModel, batch_size: int) -> torch.jit.ScriptModule:
    """The generator as TorchScript, on the CPU; raises FlowshotError for one that no file can hold."""
    model.requires_grad_(False)
    noise = torch.Generator().manual_seed(0)
    with quiet_tracing():
        if isinstance(model, Crash):
            example = torch.randn(TRACED_CLIPS, model.clip_samples, generator=noise), torch.full((TRACED_CLIPS,), 0.5)
            network = torch.jit.trace(model.network, example, check_trace=False)
            usual = model.sampler()
            sampler = Sampler(network, usual.table, usual.bound)
            return torch.jit.script(ExportedCrash(arm, model, batch_size, sampler))
        if isinstance(model, Drumgan):
            latents = torch.randn(TRACED_CLIPS, model.config.latent_size, generator=noise)
            decoder = torch.jit.trace(DrumganDecoder(model), (latents, model.known[:TRACED_CLIPS]), check_trace=False)
            return torch.jit.script(ExportedDrumgan(arm, model, batch_size, decoder))
    raise FlowshotError(f"{arm}: this kind of generator cannot be exported; use `flowshot sample`")


@torch.no_grad()
def largest_generator_difference(path: Path, model: ClipModel, batch_size: int) -> float:
    """Between the clips that the file draws and those of the model, for several numbers of clips."""
    loaded = read_back(path)
    if isinstance(model, Crash):
        model.float32 = True  # as the file

    def drawn(count: int) -> Tensor:
        return torch.from_numpy(sample_directly(model, count, batch_size, torch.Generator().manual_seed(count)).clips)

    return largest_gap((loaded.sample(count, count), drawn(count)) for count in (1, 5))
