"""Ask which error of reconstructions costs how much FAD: `python scripts/reconstruction_errors.py MODEL_DIR`.

Validation clips are encoded and decoded. Then one thing at a time is put right, taken from the real clip: its phase,
its magnitudes, or its levels in blocks of given hertz and seconds. Where FAD falls far for few right numbers,
there is what the next decoder or loss should learn. Printed as a Markdown table, after the bias of the level.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.params import read_params
from flowshot.core.process import run_script
from flowshot.core.randomness import torch_generator
from flowshot.generation.sampling import reconstruct_clips
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.registry import embedder
from flowshot.scoring.metrics.frechet import frechet_distance
from flowshot.scoring.metrics.kernel import kernel_distance

FFT_SIZE, HOP = 512, 128
# In bins and frames of the spectrogram; None: all of them.
BLOCKS = ((None, None), (None, 8), (32, None), (32, 8), (8, 8), (8, 2))
BATCH_SIZE, EPSILON = 16, 1e-12


def main() -> None:
    """Print what each error costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a trained model, models/DATASET/AUTOENCODER/SEED")
    parser.add_argument(
        "--dataset", default=None, help="whose validation clips are taken; that of the model by default"
    )
    chosen = parser.parse_args()
    model = load_autoencoder(chosen.model)[0]
    prepared = read_prepared(PREPARED / (chosen.dataset or chosen.model.parts[-3]))
    real = np.array(prepared.clips("valid"))
    made = reconstruct_clips(model, real, BATCH_SIZE, torch_generator(0, "reconstruction errors")).clips
    heard = embedder("yamnet", read_params().section("score.policy", PolicyConfig))
    reference = heard.embed(real, prepared.sample_rate)
    print(level_bias(spectra(real), spectra(made)), end="\n\n")
    print("| put right | numbers per clip | FAD | KID x 1000 |\n|---|--:|--:|--:|")
    for name, numbers, clips in corrected(real, made, prepared.sample_rate):
        embedded = heard.embed(clips, prepared.sample_rate)
        fad, kid = frechet_distance(embedded, reference), 1000 * kernel_distance(embedded, reference).value
        print(f"| {name} | {numbers} | {fad:.1f} | {kid:.1f} |", flush=True)


def spectra(clips: np.ndarray) -> Tensor:
    """Complex spectrograms `[n, bins, frames]` of clips `[n, samples]`."""
    window = torch.hann_window(FFT_SIZE)
    return torch.stft(torch.from_numpy(clips), FFT_SIZE, HOP, window=window, return_complex=True)


def waveforms(spectrograms: Tensor, samples: int) -> np.ndarray:
    """The clips `[n, samples]` whose `spectra` are nearest."""
    window = torch.hann_window(FFT_SIZE)
    return torch.istft(spectrograms, FFT_SIZE, HOP, window=window, length=samples).numpy()


def level_bias(real: Tensor, made: Tensor) -> str:
    """How much too soft decoded clips are, and how alike their magnitudes are to the real ones: medians over clips.

    A distance of squared magnitudes is smallest where the decoded clip is softer by this correlation.
    """
    a, b = real.abs().flatten(1), made.abs().flatten(1)
    level = (a.square().sum(1) / b.square().sum(1)).sqrt().median()
    correlation = ((a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()).median()
    return (
        f"Real clips are {float(level):.2f} times as loud; magnitudes correlate by {float(correlation):.2f} (medians)."
    )


def corrected(real: np.ndarray, made: np.ndarray, sample_rate: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """What was put right, how many numbers of each clip that took, and the clips `[n, samples]`."""
    samples, a, b = real.shape[1], spectra(real), spectra(made)
    bins, frames = a.shape[1:]
    yield "nothing", "0", made
    yield "phase", f"{bins * frames}", waveforms(torch.polar(b.abs(), a.angle()), samples)
    for height, width in BLOCKS:
        height_bins, width_frames = height or bins, width or frames
        gain = (block_power(a, height_bins, width_frames) / block_power(b, height_bins, width_frames)).sqrt()
        name = f"levels in {_hertz(height, sample_rate)} x {_seconds(width, sample_rate)}"
        numbers = -(-bins // height_bins) * -(-frames // width_frames)
        yield name, str(numbers), waveforms(b * gain.clamp(max=100), samples)
    yield "magnitudes", f"{bins * frames}", waveforms(torch.polar(a.abs(), b.angle()), samples)


def block_power(spectrograms: Tensor, height: int, width: int) -> Tensor:
    """The mean power of the block of `height` bins and `width` frames around each point, `[n, bins, frames]`."""
    bins, frames = spectrograms.shape[1:]
    power = spectrograms.abs().square().unsqueeze(1)
    blocks = functional.avg_pool2d(power, (height, width), ceil_mode=True).squeeze(1)
    return EPSILON + blocks.repeat_interleave(height, 1).repeat_interleave(width, 2)[:, :bins, :frames]


def _hertz(bins: int | None, sample_rate: int) -> str:
    return "all frequencies" if bins is None else f"{bins * sample_rate // FFT_SIZE} Hz"


def _seconds(frames: int | None, sample_rate: int) -> str:
    return "the whole clip" if frames is None else f"{1000 * frames * HOP // sample_rate} ms"


if __name__ == "__main__":
    run_script(main)
