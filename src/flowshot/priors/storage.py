"""Keep a prior's tensors in one safetensors file."""

from pathlib import Path

from torch import Tensor

from flowshot.errors import FlowshotError

FILE = "prior.safetensors"


def save_tensors(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Write `tensors` into `folder`."""
    # Imported here: priors must be usable where only torch, numpy and nflows are installed.
    from safetensors.torch import save_file

    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, folder / FILE)


def load_tensors(folder: Path) -> dict[str, Tensor]:
    """Read what `save_tensors` wrote.

    Raises:
        FlowshotError: the file is missing or damaged.
    """
    # Imported here: see save_tensors.
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / FILE)
    except (OSError, SafetensorError) as error:
        raise FlowshotError(
            f"{folder / FILE}: cannot be read ({error}); fit the prior again with `dvc repro`"
        ) from None
