import subprocess
import sys

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flowshot.core.randomness import derive_seed, numpy_generator, torch_generator

names = st.lists(st.text(max_size=5), max_size=3)


@settings(derandomize=True, deadline=None)
@given(seed=st.integers(), parts=names)
def test_seeds_fit_both_libraries_and_repeat(seed, parts):
    derived = derive_seed(seed, *parts)
    assert 0 <= derived < 2**63 and derived == derive_seed(seed, *parts)
    assert numpy_generator(seed, *parts).random() == np.random.default_rng(derived).random()
    first = torch.rand(3, generator=torch_generator(seed, *parts))
    assert (first == torch.rand(3, generator=torch.Generator().manual_seed(derived))).all()


def test_other_seeds_and_other_names_give_other_numbers():
    purposes = [(0,), (1,), (0, "train"), (0, "train", "no_nf"), (0, "trainno_nf"), (0, "sample"), (-1,), (10,)]
    assert len({derive_seed(*purpose) for purpose in purposes}) == len(purposes)


def test_seeds_stay_the_same_over_versions_and_processes():
    """Else results would change without anyone changing them."""
    assert derive_seed(0, "train", "synth") == 6913700417056223141
    program = "from flowshot.core.randomness import derive_seed; print(derive_seed(0, 'train', 'synth'))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert int(printed) == derive_seed(0, "train", "synth")


def test_drawing_leaves_the_global_generators_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    torch.rand(3, generator=torch_generator(1, "a"))
    assert (torch.get_rng_state() == before).all()
