"""Record what other packages say of the sets that `test_agreement.py` makes: writes `reference_values.json` beside it.

Needs packages that the project does not (`pip install --no-deps prdc vendi-score torch-fidelity torchmetrics
lightning-utilities scikit-learn joblib threadpoolctl`) and frechet-audio-distance. Run `python
tests/scoring/metrics/record_reference_values.py` after a change of the cases.
"""

import json
import sys
import types
from importlib.metadata import version
from pathlib import Path

import numpy as np

MEASURED = ("frechet-audio-distance", "torchmetrics", "torch-fidelity", "prdc", "vendi-score")
NEIGHBOURS = 5
FILE = Path(__file__).with_name("reference_values.json")


def frechet_case(case: int) -> tuple[np.ndarray, np.ndarray]:
    """Two correlated sets; in every other case with fewer clips than dimensions."""
    generator = np.random.default_rng(case)
    d = int(generator.integers(4, 96))
    n, m = generator.integers(2, d, size=2) if case % 2 else generator.integers(d + 2, 4 * d, size=2)
    mixing = generator.normal(size=(d, d)) / np.sqrt(d)
    return generator.normal(size=(n, d)) @ mixing + 0.2, 1.2 * generator.normal(size=(m, d)) @ mixing


def paired_case(case: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of equally many clips, as the other packages want them."""
    generator = np.random.default_rng(1000 + case)
    n, d = int(generator.integers(12, 80)), int(generator.integers(3, 40))
    x = 1.1 * generator.normal(size=(n, d)) + 0.3
    return x, generator.normal(size=(n, d))


def main() -> None:
    """Compute and write every value."""
    # Importing frechet-audio-distance asks a hub for the tokenizers of laion_clap, of which its distance uses nothing.
    sys.modules["laion_clap"] = types.ModuleType("laion_clap")
    import torch
    from frechet_audio_distance.fad import FrechetAudioDistance  # after the module above
    from prdc import compute_prdc
    from torch_fidelity.metric_kid import kernel_poly, kernel_rbf, mmd2
    from torchmetrics.image.kid import poly_mmd
    from vendi_score import vendi

    distance = object.__new__(FrechetAudioDistance)  # its constructor loads a network
    distance.verbose = False

    def frechet(x: np.ndarray, y: np.ndarray) -> float:
        moments = (*distance.calculate_embd_statistics(x), *distance.calculate_embd_statistics(y))
        return float(distance.calculate_frechet_distance(*moments))

    def rbf(x: np.ndarray, y: np.ndarray) -> float:
        apart = np.linalg.norm(y[:, None] - y, axis=-1)
        sigma = float(np.median(apart[np.triu_indices(len(y), 1)]))
        a, b, c = (kernel_rbf(p, q, kid_kernel_rbf_sigma=sigma) for p, q in ((x, x), (x, y), (y, y)))
        return float(mmd2(a, b, c))

    def cubic(x: np.ndarray, y: np.ndarray) -> float:
        options = {"kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}
        return float(mmd2(*(kernel_poly(p, q, **options) for p, q in ((x, x), (x, y), (y, y)))))

    paired = []
    for case in range(10):
        x, y = paired_case(case)
        paired.append(
            {
                "kid": {"torchmetrics": float(poly_mmd(*map(torch.from_numpy, (x, y)))), "torch-fidelity": cubic(x, y)},
                "kad": {"torch-fidelity": rbf(x, y)},
                "prdc": {name: float(value) for name, value in compute_prdc(y, x, NEIGHBOURS).items()},
                "vendi": float(vendi.score_X(x)),
            }
        )
    values = {
        "versions": {name: version(name) for name in (*MEASURED, "numpy", "scipy", "torch")},
        "fad": [frechet(*frechet_case(case)) for case in range(20)],
        "paired": paired,
    }
    FILE.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
