"""Could two sets be draws from one distribution? A permutation test of their kernel distance.

Gretton et al. (2012), "A kernel two-sample test": if they could, any exchange of clips between the sets is as likely
as what was found. That needs clips that are independent draws, so each source gives one clip at most. A model that
learned the real clips draws each of them as often as any other, and so large sources more often than small ones. The
real clips must do the same: a source is kept with a probability in proportion to its number of clips. One clip of
every source would follow another distribution than the clips, and a perfect model would be rejected.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np


def independent_clips(groups: Sequence[Hashable], generator: np.random.Generator) -> np.ndarray:
    """The rows of independent draws from the distribution of the clips, at most one of each source, in order."""
    sizes = Counter(groups)
    largest = max(sizes.values(), default=1)
    drawn = {groups[row]: row for row in generator.permutation(len(groups))}
    kept = [row for source, row in drawn.items() if generator.uniform() * largest < sizes[source]]
    return np.sort(np.array(kept, dtype=int))


def permutation_p_value(
    kernel: np.ndarray, candidates: int, permutations: int, generator: np.random.Generator
) -> float:
    """The fraction of exchanges whose distance is at least that of the sets, which counts as one of them.

    `kernel: [n + m, n + m]` is that of all pairs of clips, the n `candidates` first. The clips must be independent
    draws. Phipson and Smyth (2010), "Permutation P-values should never be zero".
    """
    total = len(kernel)
    member = np.zeros((permutations + 1, total))
    member[0, :candidates] = 1.0
    member[1:] = generator.permuted(np.tile(member[0], (permutations, 1)), axis=1)
    apart = kernel - np.diag(np.diag(kernel))
    rows = apart.sum(axis=1)
    within_x = np.einsum("pi,pi->p", member @ apart, member)
    between = member @ rows - within_x
    within_y = rows.sum() - 2 * between - within_x
    n, m = candidates, total - candidates
    values = within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * between / (n * m)
    # Two sums of the same numbers in another order differ by rounding, which must not decide.
    reached = values[1:] >= values[0] - 1e-9 * np.abs(apart).max(initial=0.0)
    return float((1 + reached.sum()) / (1 + permutations))
