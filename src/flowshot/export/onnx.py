"""A trained arm as ONNX graphs, for any runtime: `encode.onnx`, `decode.onnx`, `prior.onnx`, and `arm.json` about them.

No graph draws anything: noise is an input, as the generators of runtimes differ. `largest_difference` compares the
graphs with the model in onnxruntime.
"""

import contextlib
import io
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from flowshot.core.errors import FlowshotError
from flowshot.core.files import write_json
from flowshot.export.torchscript import (
    TRACED_CLIPS,
    GivenNoise,
    Traced,
    decoder_of,
    draws_of,
    encoder_of,
    largest_gap,
    quiet_tracing,
)
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.priors.base import LatentPrior
from flowshot.priors.gmm import GaussianMixturePrior

OPSET = 17
COUNTS = 1, 5  # of clips in the comparison; the traces are of another number


class Graph(NamedTuple):
    """A function of tensors as a module, inputs for its trace by their names, and the name of what it gives."""

    module: nn.Module
    inputs: Mapping[str, Tensor]
    output: str


class _InOpset(TorchFunctionMode):
    """Within it, functions that ONNX has no operator for are computed by those that it has."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch instead of each of its functions."""
        if function is torch.special.ndtr:
            return 0.5 * (1 + torch.erf(args[0] / 2**0.5))
        if function is torch.Tensor.new_full:  # of a size that does not depend on the number of clips
            return torch.full([int(size) for size in args[1]], *args[2:], **(kwargs or {}))
        if function is torch.triangular_solve:  # of weights alone, so that the inverse is a constant of the graph
            right, matrix = args
            options = {"upper": True, "unitriangular": False} | (kwargs or {})
            identity = torch.eye(len(matrix), dtype=torch.double)
            inverse = torch.linalg.solve_triangular(matrix.detach().double(), identity, **options)
            return torch.from_numpy(inverse.float().numpy()) @ right, matrix
        if function is torch.Tensor.unfold:  # of the last axis
            tensor, _, size, step = args
            starts = range(0, int(tensor.shape[-1]) - size + 1, step)
            return torch.stack([tensor[..., start : start + size] for start in starts], -2)
        if function is functional.adaptive_avg_pool1d:
            size, parts = int(args[0].shape[-1]), args[1]
            begins, ends = (torch.arange(k, parts + k) * size for k in (0, 1))
            place = torch.arange(size)[:, None]
            inside = ((place >= begins // parts) & (place < -(-ends // parts))).float()
            return args[0] @ (inside / inside.sum(0))
        if function is torch.fft.rfft:  # as real numbers, which `view_as_real` then leaves as they are
            return real_spectrum(args[0])
        if function is torch.view_as_real:
            return args[0]
        return function(*args, **(kwargs or {}))


def real_spectrum(signal: Tensor) -> Tensor:
    """`signal: [..., size]` -> its discrete Fourier transform `[..., size // 2 + 1, 2]`, by products of matrices.

    In two steps, as Cooley and Tukey (1965, doi:10.1090/S0025-5718-1965-0178586-1) do: with `size = rows * columns` the
    constants are of `rows ** 2 + columns ** 2 + 2 * size` numbers, where one matrix would have `size ** 2`.
    """
    size = int(signal.shape[-1])
    rows = max(each for each in range(1, math.isqrt(size) + 1) if size % each == 0)
    columns = size // rows
    over_rows, over_columns = (_turns(count, count, count) for count in (rows, columns))
    twiddle = _turns(rows, columns, size)
    folded = signal.unflatten(-1, (rows, columns))
    real, imaginary = over_rows[0] @ folded, over_rows[1] @ folded
    real, imaginary = real * twiddle[0] - imaginary * twiddle[1], real * twiddle[1] + imaginary * twiddle[0]
    real, imaginary = (
        real @ over_columns[0] - imaginary @ over_columns[1],
        real @ over_columns[1] + imaginary @ over_columns[0],
    )
    return torch.stack([part.transpose(-1, -2).flatten(-2)[..., : size // 2 + 1] for part in (real, imaginary)], -1)


def _turns(rows: int, columns: int, size: int) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of `exp(-2 pi i row column / size)`, `[rows, columns]`."""
    angles = (torch.outer(torch.arange(rows), torch.arange(columns)) % size).double() * (2 * torch.pi / size)
    return angles.cos().float(), -angles.sin().float()


def graphs_of(arm: str, model: Autoencoder, prior: LatentPrior) -> dict[str, Graph]:
    """The graphs of an arm by their names. Raises FlowshotError where the prior's draws cannot be traced."""
    model.requires_grad_(False)
    prior.requires_grad_(False)
    latents = torch.randn(TRACED_CLIPS, model.latent_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), GivenNoise() as decoding:
        clips = model.decode(latents)
    noise = torch.randn((TRACED_CLIPS, *decoding.shape[1:]), generator=torch.Generator().manual_seed(1))
    decode = {"latents": latents} | ({"noise": noise} if decoding.shape else {})
    decoder = decoder_of(model) if decoding.shape else Traced(model, model.decode)
    if isinstance(prior, GaussianMixturePrior):
        uniform = torch.rand(TRACED_CLIPS, generator=torch.Generator().manual_seed(2))
        drawn = Graph(mixture_of(prior), {"uniform": uniform, "noise": latents}, "latents")
    else:
        drawn = Graph(draws_of(arm, prior, latents), {"noise": latents}, "latents")
    return {
        "encode": Graph(encoder_of(model), {"clips": clips, "noise": latents}, "latents"),
        "decode": Graph(decoder, decode, "clips"),
        "prior": drawn,
    }


def mixture_of(prior: GaussianMixturePrior) -> Traced:
    """`uniform: [n]` in 0 to 1, which chooses components, and standard normal `noise: [n, size]` -> latents."""
    mixture = prior.mixture
    ends = mixture.weights.cumsum(0)[:-1]

    def draw(uniform: Tensor, noise: Tensor) -> Tensor:
        chosen = (uniform.unsqueeze(1) > ends).sum(1)
        whitened = mixture.means[chosen] + (
            mixture.factors[chosen] @ noise.to(mixture.means.dtype).unsqueeze(2)
        ).squeeze(2)
        return whitened.float() @ mixture.whitening.factor.T + mixture.whitening.mean

    return Traced(prior, draw)


@torch.no_grad()
def export_onnx(folder: Path, arm: str, model: Autoencoder, prior: LatentPrior, sample_rate: int) -> float:
    """Write the graphs and `arm.json` into an empty folder; returns the largest difference from the model.

    Raises:
        FlowshotError: onnx or onnxruntime is missing, or the prior cannot be exported.
    """
    try:
        import onnx  # noqa: F401 (imported here, as the next: they are an extra)
        import onnxruntime
    except ImportError:
        raise FlowshotError(
            "--format onnx needs onnx and onnxruntime; install them: `make setup EXTRAS=onnx`"
        ) from None
    graphs = graphs_of(arm, model, prior)
    for name, graph in graphs.items():
        written: Any = io.BytesIO()
        axes = {each: {0: "n"} for each in (*graph.inputs, graph.output)}
        with _quiet(), _InOpset():
            torch.onnx.export(
                graph.module.eval(), tuple(graph.inputs.values()), written, input_names=list(graph.inputs),
                output_names=[graph.output], dynamic_axes=axes, opset_version=OPSET, dynamo=False,
            )  # fmt: skip
        (folder / f"{name}.onnx").write_bytes(written.getvalue())
    shapes = {
        name: {
            "inputs": {key: ["n", *value.shape[1:]] for key, value in graph.inputs.items()},
            "output": graph.output,
        }
        for name, graph in graphs.items()
    }
    about = {
        "format": "flowshot onnx 1", "arm": arm, "opset": OPSET, "sample_rate": sample_rate,
        "clip_samples": model.clip_samples, "latent_size": model.latent_size, "graphs": shapes,
    }  # fmt: skip
    write_json(folder / "arm.json", about)
    sessions = {name: onnxruntime.InferenceSession(str(folder / f"{name}.onnx")) for name in graphs}
    return largest_gap(pair for name, graph in graphs.items() for pair in _outputs(graph, sessions[name]))


def _outputs(graph: Graph, session: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """What a graph gives in onnxruntime and what its module gives, for several numbers of clips."""
    generator = torch.Generator().manual_seed(3)
    known = {each.name for each in session.get_inputs()}  # a posterior may not depend on its noise
    for count in COUNTS:
        inputs = {
            name: torch.rand((count, *value.shape[1:]), generator=generator)
            if name == "uniform"
            else value[:1] * torch.randn((count, *[1] * (value.dim() - 1)), generator=generator).clamp(-2, 2)
            for name, value in graph.inputs.items()
        }
        given = {name: value.numpy() for name, value in inputs.items() if name in known}
        yield torch.from_numpy(session.run(None, given)[0]), graph.module(*inputs.values())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # torch prints a graph that it cannot export.
    with warnings.catch_warnings(), quiet_tracing(), contextlib.redirect_stdout(io.StringIO()):
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="torch.onnx.*")
        yield
