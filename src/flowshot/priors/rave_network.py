"""The network of RAVE's prior: causal dilated gated convolutions over diagonally shifted bins of a latent sequence.

Caillon & Esling 2021 (2111.05011), section on the prior, with the gated residual convolutions of WaveNet (van den Oord
et al. 2016, 1609.03499). A sequence is `[dimensions, frames]` of bins. Column c of the shifted sequence holds dimension
d of frame c - d, for all d where that frame exists. A network that sees only earlier columns thus sees, of each frame,
the dimensions before the one that it predicts. A latent vector is a sequence of one frame: column c is dimension c.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.densities.distributions import LOG_TWO_PI

SLOPE = 0.2  # of the leaky rectifiers


class GatedBlock(nn.Module):
    """`[n, width, reach + columns]` -> `[n, width, columns]`, and what it adds to the output, `[n, skip, columns]`.

    The first `reach` columns are only seen by those behind them.
    """

    def __init__(self, width: int, skip: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.reach = (kernel_size - 1) * dilation
        self.gate = nn.Conv1d(width, 2 * width, kernel_size, dilation=dilation)
        self.residual, self.skip = nn.Conv1d(width, width, 1), nn.Conv1d(width, skip, 1)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        gate, value = self.gate(seen).chunk(2, dim=1)
        gated = gate.sigmoid() * value.tanh()
        return seen[..., self.reach :] + self.residual(gated), self.skip(gated)


class RaveNetwork(nn.Module):
    """Logits of every bin, given the bins before it.

    The first and the last layer see all channels. RAVE's, a special case, tie groups of channels to single dimensions.
    A frame has `size` dimensions of `bins` values; `width` and `skip` are channels of the residual and of the output
    path. Dilations of the gated `layers` are 1, 2, 4 ... and start again after `cycle` of them.
    """

    def __init__(self, size: int, bins: int, width: int, skip: int, layers: int, kernel_size: int, cycle: int) -> None:
        super().__init__()
        self.size, self.bins, self.kernel_size = size, bins, kernel_size
        # A convolution over one-hot bins, as a table; neighbouring bins start alike: proportional to their centres.
        direction = torch.randn(size, 1, kernel_size, width) / kernel_size**0.5
        self.enter = nn.Parameter(direction * bin_centres(bins)[:, None, None])  # [size, bins, kernel_size, width]
        self.enter_bias = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(
            GatedBlock(width, skip, kernel_size, 2 ** (layer % cycle)) for layer in range(layers)
        )
        self.reaches = [(kernel_size - 1) * 2 ** (layer % cycle) for layer in range(layers)]
        self.mix = nn.Conv1d(skip, skip, 1)
        # Zeros: an untrained network finds every bin equally probable, which is N(0, 1).
        self.leave = nn.Parameter(torch.zeros(size, bins, skip))
        self.leave_bias = nn.Parameter(torch.zeros(size, bins))

    def forward(self, sequences: Tensor) -> Tensor:
        """Bins `[n, dimensions, frames]` -> logits `[n, dimensions, frames, bins]`, with up to `size` dimensions."""
        dimensions, frames = sequences.shape[1:]
        columns = dimensions + frames - 1
        # The column of each dimension of each frame.
        places = (torch.arange(dimensions)[:, None] + torch.arange(frames)).flatten()
        entered = self._embed(sequences, torch.arange(dimensions)).flatten(1, 2)
        # One column later than it stands, because no bin may see itself.
        total = entered.new_zeros(len(sequences), columns + self.kernel_size, entered.shape[-1])
        for tap in range(self.kernel_size):
            total = total.index_add(1, places + self.kernel_size - tap, entered[:, :, tap])
        hidden = self._read(total[:, :columns].transpose(1, 2), self._nothing(len(sequences)))
        shifted_back = hidden[:, :, places].unflatten(2, (dimensions, frames))
        logits = torch.einsum("nsdt,dbs->ndtb", shifted_back, self.leave[:dimensions])
        return logits + self.leave_bias[:dimensions, None]

    def sample(self, count: int, dimensions: int, frames: int, generator: torch.Generator) -> Tensor:
        """Draw bins `[count, dimensions, frames]`, column by column: each costs the same, whatever came before."""
        sequences, columns = torch.zeros(count, dimensions, frames, dtype=torch.long), dimensions + frames - 1
        incoming = torch.zeros(count, columns + self.kernel_size, self.enter.shape[-1])
        before = self._nothing(count)
        for column in range(columns):
            hidden = self._read(incoming[:, column, :, None], before).squeeze(-1)
            present = torch.arange(max(0, column - frames + 1), min(dimensions, column + 1))
            logits = torch.einsum("ns,dbs->ndb", hidden, self.leave[present]) + self.leave_bias[present]
            drawn = torch.multinomial(logits.softmax(-1).flatten(0, 1), 1, generator=generator)
            drawn = drawn.view(count, -1, 1)
            sequences[:, present, column - present] = drawn.squeeze(-1)
            embedded = self._embed(drawn, present).sum((1, 2))
            for tap in range(self.kernel_size):
                incoming[:, column + self.kernel_size - tap] += embedded[:, tap]
        return sequences

    def _nothing(self, count: int) -> list[Tensor]:
        """The columns before the first one, as each block sees them."""
        return [self.enter.new_zeros(count, self.enter.shape[-1], reach) for reach in self.reaches]

    def _read(self, columns: Tensor, before: list[Tensor]) -> Tensor:
        """The output `[n, skip, columns]` of the next columns; `before`, what each block can still reach, moves on."""
        path = functional.leaky_relu(columns + self.enter_bias[:, None], SLOPE)
        skips: Tensor | float = 0.0
        for layer, block in enumerate(self.blocks):
            seen = torch.cat([before[layer], path], dim=-1)
            before[layer] = seen[..., seen.shape[-1] - self.reaches[layer] :]
            path, skip = block(seen)
            skips = skips + skip
        return functional.leaky_relu(self.mix(skips), SLOPE)

    def _embed(self, bins: Tensor, dimensions: Tensor) -> Tensor:
        """Bins `[n, d, frames]` of the dimensions `[d]` -> `[n, d, frames, kernel_size, width]`."""
        rows = bins + self.bins * dimensions[:, None]
        return functional.embedding(rows, self.enter.flatten(0, 1).flatten(1)).unflatten(-1, self.enter.shape[2:])


def to_bins(values: Tensor, bins: int) -> Tensor:
    """The bin of each of `values`, 0 the lowest; bins are equally probable under N(0, 1), the outer two infinite."""
    return (torch.special.ndtr(values.double()) * bins).long().clamp(0, bins - 1)


def from_bins(chosen: Tensor, bins: int, generator: torch.Generator) -> Tensor:
    """A draw of N(0, 1) within each of the bins `chosen`."""
    uniform = torch.rand(chosen.shape, generator=generator, dtype=torch.double)
    # 0 and 1 are the probabilities of infinite numbers.
    probability = ((chosen + uniform) / bins).clamp(1e-15, 1 - 1e-15)
    return torch.special.ndtri(probability).float()


def log_density_in_bin(values: Tensor, bins: int) -> Tensor:
    """log p(value | its bin) = log(bins) + log N(value; 0, 1), in the shape of `values`.

    Added to log P(bin) it is the exact density of what `from_bins` draws.
    """
    return math.log(bins) - 0.5 * (values.square() + LOG_TWO_PI)


def bin_centres(bins: int) -> Tensor:
    """The median of N(0, 1) within each bin, `[bins]`."""
    return torch.special.ndtri((torch.arange(bins, dtype=torch.double) + 0.5) / bins).float()
