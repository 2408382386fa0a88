"""The posterior's width stays finite whatever the encoder says."""

import pytest
import torch

from tiny_vae import ARMS, sines, tiny_vae


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize(("said", "expected"), [(100.0, 3.0), (-100.0, -9.0), (-2.0, -2.0)])
def test_the_logarithm_of_the_scale_is_kept_between_minus_9_and_3(arm, said, expected):
    model, clips = tiny_vae(**ARMS[arm]), torch.from_numpy(sines(3))
    with torch.no_grad():
        model.heads.weight.zero_()
        model.heads.bias[model.latent_size :] = said
        output = model(clips)
    assert output.posterior.log_scale.unique().tolist() == [expected]
    assert torch.isfinite(output.kl).all()
