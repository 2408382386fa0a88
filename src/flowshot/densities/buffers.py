"""Buffers whose number of rows depends on what a module was fitted to."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


def resize_buffers(module: nn.Module, state: Mapping[str, Tensor], prefix: str, names: Sequence[str]) -> None:
    """Give the buffers `names` of `module` as many rows as they have in `state`, so that it can be loaded.

    A buffer that differs in more than its rows is left as it is; torch then says what does not fit.
    """
    for name in names:
        found, expected = state.get(prefix + name), getattr(module, name)
        if found is not None and found.shape[1:] == expected.shape[1:]:
            setattr(module, name, torch.empty_like(found))
