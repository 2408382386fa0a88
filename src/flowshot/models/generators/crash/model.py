"""The kind `crash`: clips by removing noise step by step."""

import torch
from torch import Tensor

from flowshot.models.base.kind import ModelKind
from flowshot.models.base.model import ClipModel
from flowshot.models.base.precision import is_fast_at_bfloat16
from flowshot.models.generators.crash.config import CrashConfig, check_crash
from flowshot.models.generators.crash.network import NoiseEstimator
from flowshot.models.generators.crash.samplers import Sampler, step_table, times_down
from flowshot.models.generators.crash.schedules import SCHEDULES

LOUDEST = 1.0  # sample of a clip
AT_ONCE = 16  # clips; with 64, a clip took about twice as long on one core


class Crash(ClipModel):
    """A diffusion model of raw clips; its network holds the moving average of the trained weights.

    Rouard & Hadjeres 2021, 2106.07431. Differences: the learning rate follows a cosine, as in all trainings here; the
    average follows faster in the first steps, or a short training would keep its initial weights; estimated clips are
    held within [-1, 1]; no classifier guides it.
    """

    def __init__(self, config: CrashConfig, clip_samples: int, sample_rate: int) -> None:
        super().__init__(clip_samples, sample_rate)
        self.config = config
        self.schedule = SCHEDULES[config.schedule]
        self.network = NoiseEstimator(config.channels, config.factors)
        self.float32 = False  # True: clips are drawn in float32 also where bfloat16 is fast

    def sampler(self, level: float = 1.0) -> Sampler:
        """What removes the noise of `level`, from 0 to 1, by the configured steps."""
        times = times_down(self.schedule, level, self.config.sampler_steps)
        table = step_table(self.schedule, self.config.sampler, times)
        return Sampler(self.network, table, LOUDEST).to(self.network.first.weight.device)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        noise = torch.randn(count, self.clip_samples, generator=generator, device=generator.device)
        return self.remove_noise(self.sampler(), noise, generator)

    def vary(self, clip: Tensor, level: float, count: int, generator: torch.Generator) -> Tensor:
        """`count` clips near `clip: [samples]`, which gets the noise of `level` and loses it again."""
        noise = torch.randn(count, self.clip_samples, generator=generator, device=generator.device)
        noisy = self.schedule.add_noise(clip.expand(count, -1), noise, self.schedule.time(level))
        return self.remove_noise(self.sampler(level), noisy, generator)

    def inpaint(self, clip: Tensor, first: int, last: int, count: int, generator: torch.Generator) -> Tensor:
        """`count` clips that equal `clip: [samples]` except for the samples from `first` to before `last`.

        After every step the rest is the clip again, as noisy as that step leaves it (Song et al. 2021, 2011.13456).
        """
        kept = torch.ones(self.clip_samples, dtype=torch.bool, device=generator.device)
        kept[first:last] = False
        noise = torch.randn(count, self.clip_samples, generator=generator, device=generator.device)
        return self.remove_noise(self.sampler(), noise, generator, clip, kept)

    def remove_noise(self, sampler: Sampler, noisy: Tensor, generator: torch.Generator, *given: Tensor) -> Tensor:
        """What `sampler` makes of `noisy: [batch, samples]`."""
        bfloat16 = not self.float32 and is_fast_at_bfloat16(noisy.device)
        with torch.autocast(noisy.device.type, torch.bfloat16, enabled=bfloat16):
            clips = torch.cat([sampler(part, generator, *given) for part in noisy.split(AT_ONCE)])
        return clips.clamp(-LOUDEST, LOUDEST)


KIND = ModelKind(
    config=CrashConfig,
    build=lambda card, folder: Crash(card.config, card.clip_samples, card.sample_rate),
    check=check_crash,
)
