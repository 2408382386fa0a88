"""What an edit of an attribute moves, on the test clips: the attribute, the other attributes, and the style.

    python scripts/edits.py samples/no_nf/platune --seeds 0 1

Each clip is encoded, edited by `--move` and decoded, and compared with the clip that is decoded without an edit. The
style of both is read from the audio, encoded again. Its change is shown as a share of the distance between the
styles of two different clips: 0 is kept, 1 is another sound.
"""

import argparse

import numpy as np
import torch
from torch import Tensor

from flowshot.api.arm import Arm
from flowshot.api.load import load
from flowshot.clips.attributes import ATTRIBUTES, attributes_of
from flowshot.clips.batches import evenly_spaced_rows, ordered_batches
from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.mean_interval import mean_standard_error, student_interval
from flowshot.core.process import run_script
from flowshot.priors.platune import PlatunePrior

CONFIDENCE = 0.95
BATCH = 64


def main() -> None:
    """Print a row for each seed and attribute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arm", metavar="ARM", help="DATASET/AUTOENCODER/platune")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the trainings (%(default)s)")
    parser.add_argument("--move", type=float, default=0.2, help="of the attribute, from 0 to 1 (%(default)s)")
    parser.add_argument("--n", type=int, default=400, help="test clips at most (%(default)s)")
    given = parser.parse_args()
    print("| seed | moved | n | by, on the audio | other attributes, sd | style |\n|---|---|--:|--:|--:|--:|")
    for seed in given.seeds:
        arm = load(given.arm, seed)
        if not isinstance(arm, Arm) or not isinstance(arm.prior, PlatunePrior):
            raise FlowshotError(f"{given.arm}: cannot edit a sound; use an arm with the prior `platune`")
        for row in rows(arm, arm.prior, given.move, given.n):
            print(f"| {seed} | " + " | ".join(row) + " |", flush=True)


def rows(arm: Arm, prior: PlatunePrior, move: float, most: int) -> list[tuple[str, ...]]:
    """Attribute, number of clips, its mean change with an interval over sources, side effect, and change of style."""
    prepared = read_prepared(PREPARED / arm.names[0])
    test, groups = prepared.clips("test"), prepared.groups("test")
    chosen = evenly_spaced_rows(len(test), most)
    latents = encoded(arm, np.asarray(test[chosen]))
    read, _ = prior.read(latents)
    plain = decoded(arm, latents)
    before = attributes_of(plain, arm.sample_rate).numpy()
    _, style = prior.read(encoded(arm, plain))
    apart = float((style - style.roll(1, 0)).square().mean().sqrt())
    found: list[tuple[str, ...]] = []
    for column, name in enumerate(prior.attribute_names):
        free = torch.nonzero(read[:, column] <= 1 - move)[:, 0]  # the others have no room to move
        if len(free) < 2:
            continue
        edited = decoded(arm, prior.edit(latents[free], {name: move})[0])
        change = attributes_of(edited, arm.sample_rate).numpy() - before[free]
        own = change[:, ATTRIBUTES.index(name)]
        sources = [groups[chosen[row]] for row in free]
        low, high = student_interval(float(own.mean()), mean_standard_error(own, sources), CONFIDENCE)
        others = [ATTRIBUTES.index(each) for each in prior.attribute_names if each != name]
        aside = np.sqrt(np.square(change.mean(0)[others] / before.std(0)[others]).mean()) if others else 0.0
        moved = float((prior.read(encoded(arm, edited))[1] - style[free]).square().mean().sqrt()) / apart
        interval = f"{own.mean():+.2f}" + (f" [{low:+.2f}, {high:+.2f}]" if low is not None else "")
        found.append((name, str(len(free)), interval, f"{aside:.2f}", f"{moved:.2f}"))
    return found


def encoded(arm: Arm, clips: np.ndarray) -> Tensor:
    """The posterior means `[n, latent_size]` of `clips: [n, samples]`, a batch at a time."""
    return torch.cat([arm.encode(batch) for batch in ordered_batches(clips, BATCH)])


def decoded(arm: Arm, latents: Tensor) -> np.ndarray:
    """The clips `[n, samples]` of `latents: [n, latent_size]`, a batch at a time."""
    return torch.cat([arm.decode(batch) for batch in latents.split(BATCH)]).numpy()


if __name__ == "__main__":
    run_script(main)
