"""A trained arm as an object: it samples, encodes and decodes. `docs/python.md` says how it is used."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flowshot.clips.attributes import attributes_of
from flowshot.clips.flac import flac_bytes
from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.params import PARAMS, Params, read_params
from flowshot.core.plan import DIRECT
from flowshot.core.process import warn
from flowshot.core.randomness import seed_initial_weights, torch_generator
from flowshot.generation.control import Asked, Near, Tempered
from flowshot.generation.generated import sample_directly
from flowshot.generation.sampling import LatentSampler, SteeredSampler, sample_clips
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.models.base.kind import ModelCard
from flowshot.models.base.latents import read_latents
from flowshot.models.base.model import ClipModel
from flowshot.preparation.config import DatasetConfig, dataset_config
from flowshot.preparation.cutting import Clip, read_clips
from flowshot.preparation.selection import REASONS
from flowshot.priors.base import LatentPrior, fit_prior
from flowshot.priors.own import OwnPrior
from flowshot.priors.registry import make_prior, prior_config
from flowshot.sources.decode import UnusableAudio, quiet_decoders

FEWEST_CLIPS = 20  # of a label, to fit a prior to
# What is fitted to the latents of a label where the arm's own prior came with its autoencoder.
PRIOR_OF_LABELS = "gmm"
Clips = Tensor | np.ndarray


@dataclass(frozen=True)
class Arm:
    """A trained model on the CPU with its card, and the prior of an autoencoder.

    `names` are dataset, model and prior, `seed` is the seed of the training, `project` the folder with `params.yaml`,
    and `batch_size` how many clips are drawn at once, which a sampler that adds noise depends on.
    """

    names: tuple[str, str, str]
    seed: int
    model: ClipModel
    prior: LatentPrior | None
    card: ModelCard
    project: Path
    batch_size: int

    @property
    def name(self) -> str:
        """Dataset, model and prior."""
        return "/".join(self.names)

    @property
    def sample_rate(self) -> int:
        """Sample rate of the clips, in Hz."""
        return self.card.sample_rate

    @property
    def clip_samples(self) -> int:
        """Length of a clip."""
        return self.card.clip_samples

    @property
    def latent_size(self) -> int:
        """Length of a latent."""
        return self.encoding()[0].latent_size

    def encoding(self) -> tuple[Autoencoder, LatentPrior]:
        """The autoencoder and its prior; raises FlowshotError if the model is a generator, which has no latent."""
        if not isinstance(self.model, Autoencoder) or self.prior is None:
            raise FlowshotError(f"{self.name}: is a generator, which has no latent; use an arm with an autoencoder")
        return self.model, self.prior

    def sample(
        self,
        count: int = 16,
        seed: int = 0,
        temperature: float = 1.0,
        near: "Path | str | Clips | None" = None,
        label: str | None = None,
    ) -> Tensor:
        """`count` clips `[count, clip_samples]` in [-1, 1]; the seed decides which.

        Args:
            temperature: scales the noise of the prior, or the width of the posterior of `near`.
            near: a file or a clip `[clip_samples]`, of which variations are drawn.
            label: of the dataset; a prior is fitted to the latents of its training clips.
        """
        return torch.from_numpy(self.draw(count, self.generator(seed), self.sampler(temperature, near, label)))

    def encode(self, clips: Clips, seed: int | None = None) -> Tensor:
        """`clips: [n, clip_samples]` -> latents `[n, latent_size]`: of the posterior's mean, or with a seed a draw."""
        model, batch = self.encoding()[0], torch.as_tensor(clips, dtype=torch.float32)
        with torch.no_grad():
            if seed is None:
                return model.encode_mean(batch)
            return model.encode(batch, torch.Generator().manual_seed(seed)).squeeze(1)

    def decode(self, latents: Clips) -> Tensor:
        """`latents: [n, latent_size]` -> clips `[n, clip_samples]`; the decoder's noise is the same at every call."""
        with torch.no_grad():
            return self.encoding()[0].decode(torch.as_tensor(latents, dtype=torch.float32))

    def show(self, clips: Clips) -> "Audio":
        """Players for the clips, as the last line of a notebook cell."""
        return Audio(np.atleast_2d(torch.as_tensor(clips).numpy()), self.sample_rate)

    def generator(self, seed: int) -> torch.Generator:
        """The generator of this arm's draws, seeded as in the `sample` stage."""
        return sampling_generator(self.names, seed)

    def draw(
        self,
        count: int,
        generator: torch.Generator,
        sampler: LatentSampler | None = None,
        attributes: Mapping[str, float] | None = None,
    ) -> np.ndarray:
        """`count` clips `[count, clip_samples]`, of the latents that `sampler` draws.

        Without a sampler they are a generator's, conditioned on the `attributes`.
        """
        if sampler is None:
            return sample_directly(self.model, count, self.batch_size, generator, attributes).clips
        return sample_clips(self.encoding()[0], sampler, count, self.batch_size, generator).clips

    def sampler(
        self,
        temperature: float = 1.0,
        near: "Path | str | Clips | None" = None,
        label: str | None = None,
        attributes: Mapping[str, float] | None = None,
    ) -> LatentSampler | None:
        """What draws latents as `sample` says, with the `attributes`; None for a generator without latents."""
        if self.prior is None and (temperature, near, label) == (1.0, None, None):
            return None
        model, prior = self.encoding()
        if temperature < 0:
            raise FlowshotError(f"temperature must be 0 or more, found {temperature:g}")
        if near is not None:
            clip = self.read_sound(Path(near)) if isinstance(near, Path | str) else near
            return Near(model, torch.as_tensor(clip, dtype=torch.float32), temperature)
        sampler: LatentSampler = prior if label is None else self._fitted_to(label)
        if attributes and isinstance(sampler, SteeredSampler):
            sampler = Asked(sampler, attributes)
        return Tempered(sampler, temperature)

    def require_attributes(self, wanted: Mapping[str, float]) -> None:
        """Raise FlowshotError if this arm cannot be conditioned on one of the attributes `wanted`."""
        known: tuple[str, ...] = getattr(self.prior or self.model, "attribute_names", ())
        for name in wanted:
            if not known:
                raise FlowshotError(
                    f"{self.name}: cannot be conditioned on attributes; use an arm with the prior `platune`, "
                    "or a `drumgan`"
                )
            if name not in known:
                raise FlowshotError(f"{self.name}: knows no attribute {name!r}; use one of: {', '.join(known)}")

    def read_clip(self, path: Path) -> Clip:
        """The clip of a file, cut and levelled like those of the model's dataset."""
        return read_clip(path.expanduser(), dataset_config(self._params(), self.names[0]), self.card)

    def read_sound(self, path: Path) -> np.ndarray:
        """The samples `[samples]` of `read_clip`."""
        return self.read_clip(path).samples

    def _params(self) -> Params:
        return read_params(self.project / PARAMS)

    def _fitted_to(self, label: str) -> LatentPrior:
        """A prior of the arm's kind that is fitted to the latents of the training clips of a label."""
        prepared = read_prepared(self.project / PREPARED / self.names[0])
        labels = [row.get("label", "") for row in prepared.rows("train")]
        chosen = [place for place, each in enumerate(labels) if each == label]
        if len(chosen) < FEWEST_CLIPS:
            enough = sorted({each for each in labels if each and labels.count(each) >= FEWEST_CLIPS})
            raise FlowshotError(
                f"{self.names[0]}: has {len(chosen)} training clips of the label {label!r}, and a prior needs "
                f"{FEWEST_CLIPS}; labels with as many: {', '.join(enough) or 'none'}"
            )
        latents = read_latents(self.project.joinpath("latents", *self.names[:2], str(self.seed)), "train")[chosen]
        held_out = max(2, len(chosen) // 5)
        kind = PRIOR_OF_LABELS if isinstance(self.prior, OwnPrior) else self.names[2]
        seed_initial_weights(self.seed, *self.names, label)
        prior = make_prior(kind, prior_config(self._params(), kind), self.encoding()[0])
        draws = torch_generator(self.seed, "fit_prior", *self.names, label)

        def measured() -> tuple[Tensor, Tensor]:
            found = attributes_of(prepared.clips("train")[chosen], prepared.sample_rate)
            return found[held_out:], found[:held_out]

        fit_prior(prior, (latents[held_out:], latents[:held_out]), measured, draws)
        return prior.eval()


class ExportedArm:
    """What `flowshot export` wrote, with the methods of `Arm` that need no project."""

    def __init__(self, path: Path) -> None:
        try:
            self.file: Any = torch.jit.load(path)
            self.name, self.sample_rate = str(self.file.arm), int(self.file.sample_rate)
            self.clip_samples = int(self.file.clip_samples)
            self.latent_size = int(getattr(self.file, "latent_size", 0))  # a CRASH has none
        except (OSError, RuntimeError, AttributeError):
            raise FlowshotError(f"{path}: was not written by `flowshot export`") from None
        dataset, model, prior = self.name.split("/")
        self.names = dataset, model, prior

    def sample(self, count: int = 16, seed: int = 0) -> Tensor:
        """`count` clips `[count, clip_samples]` in [-1, 1]: those of `Arm.sample` for the same seed."""
        return torch.as_tensor(self.file.sample(count, sampling_generator(self.names, seed).initial_seed()))

    def encode(self, clips: Clips, seed: int | None = None) -> Tensor:
        """As `Arm.encode`."""
        batch = torch.as_tensor(clips, dtype=torch.float32)
        return torch.as_tensor(self.file.encode(batch) if seed is None else self.file.encode_draw(batch, seed))

    def decode(self, latents: Clips) -> Tensor:
        """As `Arm.decode`."""
        return torch.as_tensor(self.file.decode(torch.as_tensor(latents, dtype=torch.float32)))

    def show(self, clips: Clips) -> "Audio":
        """As `Arm.show`."""
        return Audio(np.atleast_2d(torch.as_tensor(clips).numpy()), self.sample_rate)


@dataclass(frozen=True)
class Audio:
    """Clips `[n, samples]` that a notebook shows with players."""

    clips: np.ndarray
    sample_rate: int

    def _repr_html_(self) -> str:
        encoded = [base64.b64encode(flac_bytes(clip, self.sample_rate)).decode("ascii") for clip in self.clips]
        return "".join(f'<audio controls src="data:audio/flac;base64,{each}"></audio>' for each in encoded)


def sampling_generator(names: tuple[str, str, str], seed: int) -> torch.Generator:
    """The generator of an arm's draws, seeded as in the `sample` stage."""
    return torch_generator(seed, "sample", *(names[:2] if names[2] == DIRECT else names))


def read_clip(path: Path, config: DatasetConfig, card: ModelCard) -> Clip:
    """The clip of a file, cut and levelled like those of the model's dataset.

    A warning says where the file is longer.

    Raises:
        FlowshotError: the file is missing or gives no clip, or the dataset has other clips than the model.
    """
    if (config.sample_rate, config.clip_samples) != (card.sample_rate, card.clip_samples):
        raise FlowshotError(
            f"datasets.{card.dataset}: has clips of {config.clip_samples} samples at {config.sample_rate} Hz, but the "
            f"model was trained on {card.clip_samples} at {card.sample_rate} Hz; train it again with `dvc repro`"
        )
    if not path.is_file():
        raise FlowshotError(f"{path}: is not a file; give a sound")
    found: list[Clip] = []
    try:
        with quiet_decoders():
            facts, _ = read_clips(path, replace(config, cut="file"), found.append)
    except UnusableAudio as problem:
        raise FlowshotError(f"{path}: {problem.reason} ({REASONS[problem.reason]}); give another sound") from None
    if facts.seconds - found[0].start > config.clip_seconds:
        warn(f"{path}: is longer than a clip; what follows the first {config.clip_seconds:g} s of sound is cut off")
    return found[0]
