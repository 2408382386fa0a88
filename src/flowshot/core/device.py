"""The processor's threads, and how torch uses them."""

import warnings


def prepare_threads(threads: int) -> None:
    """Use `threads` CPU threads (0: leave torch's choice) and treat denormal numbers as zero.

    Zero-padded clips and decaying envelopes make denormals, which some CPUs compute many times slower.
    """
    import torch  # only here: not everything that imports core needs torch

    torch.set_flush_denormal(True)
    # NumPy notices and says so in four lines, at whatever is imported next.
    warnings.filterwarnings("ignore", message="The value of the smallest subnormal", category=UserWarning)
    if threads > 0:
        torch.set_num_threads(threads)
