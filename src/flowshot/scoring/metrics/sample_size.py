"""When a number rests on too few clips for the dimension of its embedding. Tables mark it."""

# Of fewer clips than dimensions the covariances of the Frechet distance are singular, so that its bias is most of it.
# The line to its limit needs halves with four times as many clips as dimensions to be straight.
CLIPS_PER_DIMENSION = {"fad": 1, "fad_of_kind": 1, "fad_infinity": 8}


def fewest_clips(metric: str, dimensions: int) -> int:
    """How many clips in each set a metric needs in an embedding of `dimensions`; 0 where any number will do."""
    needed = CLIPS_PER_DIMENSION.get(metric, 0) * dimensions
    # The covariance of n clips has at most n - 1 directions.
    return needed + 1 if CLIPS_PER_DIMENSION.get(metric) == 1 else needed
