"""A `TrainingJob` on clips that a test made."""

from types import SimpleNamespace

import torch

from defaults import default
from flowshot.core.plan import BudgetConfig
from flowshot.training.config import TrainConfig
from flowshot.training.job import TrainingJob


def job_on(train, valid, sample_rate=16000, steps=4, batch_size=2, seed=0, train_section=None, **settings):
    """Training and validation clips `[n, samples]`; `train_section` changes the section `train`."""
    dataset = SimpleNamespace(
        clips={"train": train, "valid": valid}.__getitem__,
        sample_rate=sample_rate,
        manifest=SimpleNamespace(counts={"train": len(train), "valid": len(valid)}),
        folder="data",
    )
    config = default(TrainConfig, "train", **(train_section or {}))
    budget = BudgetConfig(steps=steps, batch_size=batch_size)
    return TrainingJob(dataset, config, budget, torch.Generator().manual_seed(seed), **settings)
