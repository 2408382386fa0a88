"""From noise to clips: every sampler as a table of linear steps, which one loop follows.

With eps the network's estimate of the noise in x, a step from time t to t' is x <- a x + b eps + c n, where n is fresh
noise. Heun's second half is x <- p x + q eps + r x_1 + s eps_1, where x_1 is what the first half gave, and eps_1 the
noise in it.

In those steps eps may be that of a bounded clip: an estimate (x - sigma eps) / m outside the bound is moved to it, and
eps with it, as in the code of Ho et al. 2020. At a high noise m is small, and a poor eps makes a clip many times too
loud, from which later steps do not come back.
"""

import math

import torch
from torch import Tensor, nn

from flowshot.models.generators.crash.schedules import Schedule

# The columns of a table: noise and what is left of the clip, before and after, and the coefficients above.
SIGMA, SCALE, NEXT_SIGMA, NEXT_SCALE, A, B, C, P, Q, R, S = range(11)


def step_table(schedule: Schedule, sampler: str, times: Tensor) -> Tensor:
    """The steps of a `sampler` through `times: [n]`, `[steps, 11]` in float64.

    Times that rise add noise by the same equation. The last step removes what noise is left at the end.
    DDIM: Song et al. 2020 (2010.02502); ancestral: Ho et al. 2020 (2006.11239); Euler and Heun on the
    probability-flow equation of Song et al. 2021 (2011.13456).
    """
    t, after = times[:-1].double(), times[1:].double()
    sigma, scale, beta, diffusion = (
        each(t) for each in (schedule.sigma, schedule.scale, schedule.beta, schedule.diffusion)
    )
    next_sigma, next_scale = schedule.sigma(after), schedule.scale(after)
    length, kept = t - after, next_scale / scale
    table = torch.zeros(len(t) + 1, 11, dtype=torch.double)
    steps = table[: len(t)]
    steps[:, SIGMA], steps[:, SCALE] = sigma, scale
    steps[:, NEXT_SIGMA], steps[:, NEXT_SCALE] = next_sigma, next_scale
    if sampler in ("ddim", "ancestral"):
        # The part of the step's noise that is estimated; the rest is drawn.
        known = next_sigma if sampler == "ddim" else scale * next_sigma.square() / (next_scale * sigma)
        steps[:, A], steps[:, B] = kept, known - sigma * kept
        steps[:, C] = (next_sigma.square() - known.square()).clamp(min=0).sqrt()
    else:
        steps[:, A], steps[:, B] = 1 + beta * length / 2, -length * diffusion / (2 * sigma)
    if sampler == "heun":
        steps[:, P], steps[:, Q] = 1 + beta * length / 4, -length * diffusion / (4 * sigma)
        steps[:, R] = schedule.beta(after) * length / 4
        steps[:, S] = -length * schedule.diffusion(after) / (4 * next_sigma)
    sigma, scale = schedule.sigma(times[-1].double()), schedule.scale(times[-1].double())
    table[-1, SIGMA], table[-1, SCALE], table[-1, NEXT_SCALE] = sigma, scale, 1
    table[-1, A], table[-1, B] = 1 / scale, -sigma / scale
    return table


def times_down(schedule: Schedule, level: float, steps: int) -> Tensor:
    """The times from `level` down to the first one, in as many steps as that part of the way has of `steps`."""
    here = max(1, round(steps * level))
    return torch.linspace(float(schedule.time(level)), schedule.first, here + 1, dtype=torch.double)


class Sampler(nn.Module):
    """Follows a table of steps. Compiled for export, so in the part of Python that torch knows.

    `network(x: [batch, samples], sigma: [batch])` estimates the noise in x; `bound` is that of the estimated clip.
    """

    table: Tensor

    def __init__(self, network: nn.Module, table: Tensor, bound: float = math.inf) -> None:
        super().__init__()
        self.network, self.bound = network, bound
        self.register_buffer("table", table.float())
        self.heun = bool((table[:, P:] != 0).any())

    def forward(
        self, x: Tensor, generator: torch.Generator, original: Tensor | None = None, kept: Tensor | None = None
    ) -> Tensor:
        """`x: [batch, samples]` at the table's first noise -> after its last step.

        Where `kept: [samples]` is true, every step puts the `original: [samples]` back, as noisy as the rest is.
        """
        for k in range(self.table.size(0)):
            row = self.table[k]
            noise = self.noise_in(x, row[0], row[1])
            first = row[4] * x + row[5] * noise
            if self.heun and bool(row[7] != 0):
                again = self.noise_in(first, row[2], row[3])
                first = row[7] * x + row[8] * noise + row[9] * first + row[10] * again
            if bool(row[6] != 0):
                first = first + row[6] * torch.randn(x.shape, generator=generator, device=x.device)
            if original is not None and kept is not None:
                fresh = torch.randn(x.shape, generator=generator, device=x.device)
                first = torch.where(kept, row[3] * original + row[2] * fresh, first)
            x = first
        return x

    def noise_in(self, x: Tensor, sigma: Tensor, scale: Tensor) -> Tensor:
        """The estimate of the noise in `x: [batch, samples]`, where `sigma` of it and `scale` of the clip are left."""
        noise: Tensor = self.network(x, sigma.expand(x.size(0))).to(x.dtype)
        if math.isinf(self.bound):
            return noise
        clip = ((x - sigma * noise) / scale).clamp(-self.bound, self.bound)
        return (x - scale * clip) / sigma
