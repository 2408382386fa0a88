"""The network of RAVE's prior: causal dilated gated convolutions over diagonally shifted bins of a latent sequence.

Caillon & Esling 2021 (2111.05011), section on the prior, with the gated residual convolutions of WaveNet (van den Oord
et al. 2016, 1609.03499). A sequence is `[dimensions, frames]` of bins. Column c of the shifted sequence holds dimension
d of frame c - d, for all d where that frame exists. A network that sees only earlier columns thus sees, of each frame,
the dimensions before the one that it predicts. A latent vector is a sequence of one frame: column c is dimension c.
"""

from collections.abc import Generator

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.priors.equiprobable import bin_centres

SLOPE = 0.2  # of the leaky rectifiers


class GatedBlock(nn.Module):
    """`[n, width, columns]` -> the same, and what it adds to the output, `[n, skip, columns]`."""

    def __init__(self, width: int, skip: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.reach = (kernel_size - 1) * dilation
        self.gate = nn.Conv1d(width, 2 * width, kernel_size, dilation=dilation)
        self.residual, self.skip = nn.Conv1d(width, width, 1), nn.Conv1d(width, skip, 1)

    def forward(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """All columns at once, each from itself and earlier ones."""
        return self._finish(columns, self.gate(functional.pad(columns, (self.reach, 0))))

    def last(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Only the last one of `columns: [n, width, reach + 1]`, `[n, width, 1]` and `[n, skip, 1]`."""
        return self._finish(columns[..., -1:], self.gate(columns))

    def _finish(self, columns: Tensor, gated: Tensor) -> tuple[Tensor, Tensor]:
        gate, value = gated.chunk(2, dim=1)
        gated = gate.sigmoid() * value.tanh()
        return columns + self.residual(gated), self.skip(gated)


class RaveNetwork(nn.Module):
    """Logits of every bin, given the bins before it.

    The first and the last layer see all channels. RAVE's, a special case, tie groups of channels to single dimensions.

    Args:
        size: dimensions of a frame.
        bins: values of each.
        width: channels of the residual path.
        skip: channels of the output path.
        layers: gated blocks.
        kernel_size: columns that a block sees.
        cycle: dilations are 1, 2, 4 ... and start again after this many blocks.
    """

    def __init__(self, size: int, bins: int, width: int, skip: int, layers: int, kernel_size: int, cycle: int) -> None:
        super().__init__()
        self.size, self.bins, self.kernel_size = size, bins, kernel_size
        # A convolution over one-hot bins, as a table: [size, bins, kernel_size, width].
        self.enter = nn.Parameter(_smooth_table(size, bins, kernel_size, width))
        self.enter_bias = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(
            GatedBlock(width, skip, kernel_size, 2 ** (layer % cycle)) for layer in range(layers)
        )
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
        path = self._enter(total[:, :columns].transpose(1, 2))
        skips: Tensor | float = 0.0
        for block in self._gated:
            path, skip = block(path)
            skips = skips + skip
        hidden = functional.leaky_relu(self.mix(skips), SLOPE)
        shifted_back = hidden[:, :, places].unflatten(2, (dimensions, frames))
        logits = torch.einsum("nsdt,dbs->ndtb", shifted_back, self.leave[:dimensions])
        return logits + self.leave_bias[:dimensions, None]

    def sample(self, count: int, dimensions: int, frames: int, generator: torch.Generator) -> Tensor:
        """Draw bins `[count, dimensions, frames]`, column by column: each costs the same, whatever came before."""
        sequences, columns = torch.zeros(count, dimensions, frames, dtype=torch.long), dimensions + frames - 1
        walk = self._walk(count, columns)
        hidden = next(walk)
        for column in range(columns):
            present = torch.arange(max(0, column - frames + 1), min(dimensions, column + 1))
            logits = torch.einsum("ns,dbs->ndb", hidden, self.leave[present]) + self.leave_bias[present]
            drawn = torch.multinomial(logits.softmax(-1).flatten(0, 1), 1, generator=generator)
            drawn = drawn.view(count, -1, 1)
            sequences[:, present, column - present] = drawn.squeeze(-1)
            if column + 1 < columns:
                hidden = walk.send(self._embed(drawn, present).sum((1, 2)))
        return sequences

    def _walk(self, count: int, columns: int) -> Generator[Tensor, Tensor, None]:
        """The output `[count, skip]` of each column in turn; what the column before it held is sent in.

        Each block keeps the columns that it can still reach, so that a column is computed once.
        """
        width = self.enter.shape[-1]
        incoming = torch.zeros(count, columns + self.kernel_size, width)
        reached = [torch.zeros(count, width, block.reach + 1) for block in self._gated]
        for column in range(columns):
            path = self._enter(incoming[:, column, :, None])
            skips = torch.zeros(())
            for layer, block in enumerate(self._gated):
                reached[layer] = torch.cat([reached[layer][..., 1:], path], dim=-1)
                path, skip = block.last(reached[layer])
                skips = skips + skip
            embedded = yield functional.leaky_relu(self.mix(skips), SLOPE).squeeze(-1)
            for tap in range(self.kernel_size):
                incoming[:, column + self.kernel_size - tap] += embedded[:, tap]

    @property
    def _gated(self) -> list[GatedBlock]:
        return [block for block in self.blocks if isinstance(block, GatedBlock)]

    def _embed(self, bins: Tensor, dimensions: Tensor) -> Tensor:
        """Bins `[n, d, frames]` of the dimensions `[d]` -> `[n, d, frames, kernel_size, width]`."""
        rows = bins + self.bins * dimensions[:, None]
        return functional.embedding(rows, self.enter.flatten(0, 1).flatten(1)).unflatten(-1, self.enter.shape[2:])

    def _enter(self, columns: Tensor) -> Tensor:
        return functional.leaky_relu(columns + self.enter_bias[:, None], SLOPE)


def _smooth_table(size: int, bins: int, kernel_size: int, width: int) -> Tensor:
    """`[size, bins, kernel_size, width]` in which neighbouring bins start alike: proportional to their centres."""
    direction = torch.randn(size, 1, kernel_size, width) / kernel_size**0.5
    return direction * bin_centres(bins)[:, None, None]
