"""Files such as `rave export` writes, of a few numbers, for the tests; the real ones need the extra `rave`."""

import warnings

import torch
from torch import Tensor, nn

RATIO, DIMENSIONS = 16, 2


class TinyExport(nn.Module):
    """Two projections of every 16 samples, and back: an encoder that draws nothing.

    `late`: samples that are held back in a cache, as an export for streaming does. `kind`: what its latents are.
    """

    def __init__(self, rate: int = 16000, channels: int = 1, kind: str = "linear", late: int = 0) -> None:
        super().__init__()
        self.sr, self.n_channels, self.kind, self.late, self.ratio = rate, channels, kind, late, RATIO
        self.register_buffer("encode_params", torch.tensor([channels, 1, DIMENSIONS, RATIO]))
        self.register_buffer("decode_params", torch.tensor([DIMENSIONS, RATIO, channels, 1]))
        self.register_buffer("pad" if late else "unused", torch.zeros(3, channels, late))
        time = torch.arange(RATIO) / RATIO
        basis = torch.stack([torch.ones(RATIO), (2 * torch.pi * time).cos()]) / RATIO**0.5
        self.basis = nn.Parameter(basis[:, None].repeat(1, channels, 1))

    def held_back(self, x: Tensor) -> Tensor:
        """As late as the cache is long, which must have a row for every clip."""
        return x

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        """`[batch, channels, samples]` -> `[batch, DIMENSIONS, frames]`."""
        z = nn.functional.conv1d(self.held_back(x), self.basis, stride=self.ratio)
        if self.kind == "constant":
            z = z * torch.tensor([[[1.0], [0.0]]])
        elif self.kind == "codes":
            z = z.round()
        elif self.kind == "infinite":
            z = z / 0.0
        elif self.kind == "noisy":
            z = z + torch.rand_like(z)
        elif self.kind == "short":
            z = z[..., 1:]
        elif self.kind == "failing":
            assert x.numel() == 0, "this model is broken"
        return z

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        """`[batch, DIMENSIONS, frames]` -> `[batch, channels, samples]`."""
        return nn.functional.conv_transpose1d(z, self.basis, stride=self.ratio)

    def forward(self, x: Tensor) -> Tensor:
        """Both."""
        return self.decode(self.encode(x))


class TinyStreamingExport(TinyExport):
    """With a cache."""

    def held_back(self, x: Tensor) -> Tensor:
        """What was heard last comes first."""
        joined = torch.cat([self.pad[: x.size(0)], x], -1)
        self.pad[: x.size(0)].copy_(joined[..., -self.late :])
        return joined[..., : -self.late]


def write_export(path, **settings):
    """A `TinyExport` at `path`; gives the path."""
    kind = TinyStreamingExport if settings.get("late") else TinyExport
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the age of torch.jit
        torch.jit.script(kind(**settings).eval()).save(str(path))
    return path
