"""Where training runs and in which precision."""

import torch

from flowshot.training.config import TrainConfig


def choose_device() -> torch.device:
    """A GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def uses_bfloat16(config: TrainConfig, device: torch.device) -> bool:
    """Whether the autoencoder runs under bfloat16 autocast.

    With precision `auto`, only where the device multiplies bfloat16 in hardware: emulated on a CPU that does not,
    it was measured more than ten times slower than float32.
    """
    if config.precision != "auto":
        return config.precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
