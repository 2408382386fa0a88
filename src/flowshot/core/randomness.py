"""Every random draw comes from a generator made from the plan's seed and a name.

Two stages with one seed must not share their random numbers, and a stage must not depend on what ran
before it in the process; so global generators are not used, except torch's for initial weights.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *names: str) -> int:
    """A 63-bit seed that depends on the plan's seed and on what it is for, e.g. ("train", "no_nf")."""
    text = "\0".join([str(seed), *names]).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def torch_generator(seed: int, *names: str, device: str | torch.device = "cpu") -> torch.Generator:
    """A torch generator for the draws called `names` under the plan's `seed`."""
    import torch  # only here: the workers that decode and synthesise audio draw without torch and start faster

    return torch.Generator(device=device).manual_seed(derive_seed(seed, *names))


def seed_initial_weights(seed: int, *names: str) -> None:
    """Seed torch's global generator, from which nflows and torch.nn draw initial weights: they take no other."""
    import torch

    torch.manual_seed(derive_seed(seed, "initialise", *names))


def numpy_generator(seed: int, *names: str) -> np.random.Generator:
    """A NumPy generator for the draws called `names` under the plan's `seed`."""
    return np.random.default_rng(derive_seed(seed, *names))
