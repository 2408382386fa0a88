"""What a training is given beside its model."""

import numpy as np
import pytest

from training_jobs import job_on

CLIP = np.zeros((1, 16), dtype=np.float32)


@pytest.mark.parametrize(("steps", "asked", "every"), [(1000, 100, 100), (150, 100, 100), (8000, 100, 400), (4, 1, 1)])
def test_a_long_training_validates_at_most_twenty_times(steps, asked, every):
    assert job_on(CLIP, CLIP, steps=steps, train_section={"validate_every": asked}).validate_every == every
