"""The optimizer of an autoencoder."""

import torch
from torch import nn

from flowshot.config import TrainConfig


def adam(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2017, 1711.05101) that decays the weights of `model`, but neither biases nor scales.

    Those are the parameters of one dimension. They hold where an output lies and not how strongly it follows its
    input: drawn to zero, they give no simpler function, only a wrong one.
    """
    parameters = list(model.parameters())
    groups = [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))
