"""From noise to clips: every sampler as a table of linear steps, which one loop follows.

With eps the network's estimate of the noise in x, a step from time t to t' is x <- a x + b eps + c n, where n is fresh
noise. Heun's second half is x <- p x + q eps + r x_1 + s eps_1, where x_1 is what the first half gave, and eps_1 the
noise in it.
"""

import torch
from torch import Tensor, nn

from flowshot.models.generators.crash.schedules import Schedule

# The columns of a table: noise before and after, what is left of the clip after, and the coefficients above.
SIGMA, NEXT_SIGMA, NEXT_SCALE, A, B, C, P, Q, R, S = range(10)


def step_table(schedule: Schedule, sampler: str, times: Tensor) -> Tensor:
    """The steps of a `sampler` through `times: [n]`, `[steps, 10]` in float64.

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
    table = torch.zeros(len(t) + 1, 10, dtype=torch.double)
    steps = table[: len(t)]
    steps[:, SIGMA], steps[:, NEXT_SIGMA], steps[:, NEXT_SCALE] = sigma, next_sigma, next_scale
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
    table[-1, SIGMA], table[-1, NEXT_SCALE], table[-1, A], table[-1, B] = sigma, 1, 1 / scale, -sigma / scale
    return table


def times_down(schedule: Schedule, level: float, steps: int) -> Tensor:
    """The times from `level` down to the first one, in as many steps as that part of the way has of `steps`."""
    here = max(1, round(steps * level))
    return torch.linspace(float(schedule.time(level)), schedule.first, here + 1, dtype=torch.double)


class Sampler(nn.Module):
    """Follows a table of steps. Compiled for export, so in the part of Python that torch knows.

    `network(x: [batch, samples], sigma: [batch])` estimates the noise in x.
    """

    table: Tensor

    def __init__(self, network: nn.Module, table: Tensor) -> None:
        super().__init__()
        self.network = network
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
            noise = self.network(x, row[0].expand(x.size(0))).to(x.dtype)
            first = row[3] * x + row[4] * noise
            if self.heun and bool(row[6] != 0):
                again = self.network(first, row[1].expand(x.size(0))).to(x.dtype)
                first = row[6] * x + row[7] * noise + row[8] * first + row[9] * again
            if bool(row[5] != 0):
                first = first + row[5] * torch.randn(x.shape, generator=generator, device=x.device)
            if original is not None and kept is not None:
                fresh = torch.randn(x.shape, generator=generator, device=x.device)
                first = torch.where(kept, row[2] * original + row[1] * fresh, first)
            x = first
        return x
