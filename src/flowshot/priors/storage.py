"""Keep a prior's tensors in one safetensors file."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from flowshot.core.errors import FlowshotError

FILE = "prior.safetensors"
REMEDY = "fit the prior again with `dvc repro`"


def save_tensors(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Write `tensors` into `folder`."""
    # Imported here: priors must be usable where only torch, numpy and nflows are installed.
    from safetensors.torch import save_file

    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, folder / FILE)


def load_tensors(folder: Path, use: Callable[[dict[str, Tensor]], object]) -> None:
    """Hand what `save_tensors` wrote to `use`, which raises KeyError or RuntimeError where it does not fit.

    Raises:
        FlowshotError: the file is missing, damaged, or of another configuration.
    """
    # Imported here: see save_tensors.
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        use(load_file(folder / FILE))
    except (OSError, SafetensorError) as error:
        raise FlowshotError(f"{folder / FILE}: cannot be read ({error}); {REMEDY}") from None
    except (KeyError, RuntimeError):
        raise FlowshotError(f"{folder}: was fitted under other parameters than fit_prior has now; {REMEDY}") from None
