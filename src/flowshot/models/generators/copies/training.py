"""Copies learn the number of training clips."""

from flowshot.core.errors import FlowshotError
from flowshot.models.generators.copies.model import Copies
from flowshot.optimisation.progress import Trained, copy_weights
from flowshot.training.job import TrainingJob


def train(model: Copies, job: TrainingJob) -> Trained:
    """Store the number of training clips; raises FlowshotError if there are none."""
    count = job.dataset.manifest.counts["train"]
    if count == 0:
        raise FlowshotError(f"{job.dataset.folder}: has no training clips to draw")
    model.count.fill_(count)
    return Trained(copy_weights(model), 0, [], [], "")
