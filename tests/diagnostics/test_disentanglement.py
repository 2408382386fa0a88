"""MIG and DCI on toy latents whose values are known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from flowshot.diagnostics.disentanglement import dci, disentanglement, mutual_information_gap
from seeded import generator


def toy_factors(count, seed=0):
    """Two measured factors, one that only half of the clips have, and one with four classes."""
    g = generator(seed)
    measured = torch.rand(count, 3, generator=g)
    measured[::2, 2] = math.nan
    classes = torch.randint(0, 4, (count,), generator=g)
    return {"pitch": measured[:, 0], "decay": measured[:, 1].square(), "drive": measured[:, 2], "label": classes}


def permuted(factors, seed=0):
    """A dimension a factor, scaled, and one of noise."""
    columns = [values.float().nan_to_num(0.5) for values in factors.values()]
    noise = torch.randn(len(columns[0]), generator=generator(seed + 9))
    return torch.stack([-columns[2], 3 * columns[0] + 1, columns[3], noise, columns[1]], dim=1)


def both(latents_of, count=4000):
    """MIG and DCI of what `latents_of` makes of factors."""
    seen, held_out = toy_factors(count), toy_factors(count, 1)
    latents = latents_of(held_out, 1)
    return mutual_information_gap(latents, held_out), dci(latents_of(seen, 0), seen, latents, held_out)


def test_a_permutation_of_the_factors_has_a_gap_of_one_and_is_disentangled_and_complete():
    gap, (disentangled, complete, informative) = both(lambda factors, seed: permuted(factors, seed))
    assert gap == pytest.approx(1, abs=0.03)
    assert disentangled == pytest.approx(1, abs=0.05) and complete == pytest.approx(1, abs=0.05)
    # Of the classes 1 and 2 in the middle, a line can say little.
    assert informative > 0.75


def test_noise_has_none_of_all():
    gap, found = both(lambda factors, seed: torch.randn(4000, 6, generator=generator(seed + 5)))
    assert 0 <= gap < 0.02 and max(found) < 0.02


def test_a_latent_that_never_changes_has_none_of_all():
    gap, found = both(lambda factors, seed: torch.zeros(4000, 3))
    assert gap == 0 and found == (0, 0, 0)


def test_a_factor_in_two_dimensions_has_no_gap_and_is_not_complete():
    def doubled(factors, seed):
        pitch = factors["pitch"][:, None]
        return torch.cat([pitch, pitch], 1) + 0.01 * torch.randn(4000, 2, generator=generator(seed))

    factors, seen = ({"pitch": toy_factors(4000, seed)["pitch"]} for seed in (1, 0))
    latents = doubled(factors, 1)
    assert mutual_information_gap(latents, factors) < 0.02
    _, complete, informative = dci(doubled(seen, 0), seen, latents, factors)
    assert complete < 0.2 and informative > 0.95


def test_two_factors_in_one_dimension_are_entangled():
    def summed(factors, seed):
        return (factors["pitch"] / factors["pitch"].std() + factors["decay"] / factors["decay"].std())[:, None]

    seen, factors = ({name: toy_factors(4000, seed)[name] for name in ("pitch", "decay")} for seed in (0, 1))
    disentangled, complete, informative = dci(summed(seen, 0), seen, summed(factors, 1), factors)
    assert disentangled < 0.02 and complete == 1 and informative == pytest.approx(0.5, abs=0.05)


def test_a_rotation_by_an_eighth_turn_loses_gap_and_disentanglement():
    turn = torch.tensor([[1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2)

    def of(seed, turned):
        factors = {name: toy_factors(4000, seed)[name] for name in ("pitch", "decay")}
        plain = torch.stack([(v - v.mean()) / v.std() for v in factors.values()], 1)
        return (plain @ turn if turned else plain), factors

    for turned, low, high in ((False, 0.97, 1.0), (True, -0.01, 0.1)):
        (seen, seen_factors), (latents, factors) = of(0, turned), of(1, turned)
        disentangled, complete, informative = dci(seen, seen_factors, latents, factors)
        assert low <= disentangled <= high and low <= complete <= high and informative > 0.95
        assert turned == (mutual_information_gap(latents, factors) < 0.2)


def test_factors_that_few_clips_have_or_that_never_change_are_not_judged():
    factors = {"constant": torch.ones(200), "rare": torch.full((200,), math.nan)}
    factors["rare"][:40] = torch.rand(40)
    latents = torch.randn(200, 3)
    assert math.isnan(mutual_information_gap(latents, factors))
    assert all(math.isnan(value) for value in dci(latents, factors, latents, factors))


def dataset_of(folder, counts):
    """Clips whose first sample says which row of factors.csv they are."""
    clips = {split: np.full((count, 8), start, dtype=np.float32) for split, count, start in counts}
    for values in clips.values():
        values[:, 0] += np.arange(len(values))
    return SimpleNamespace(
        folder=folder,
        manifest=SimpleNamespace(counts={split: len(values) for split, values in clips.items()}),
        clips=clips.__getitem__,
        rows=lambda split: [{"source": f"kick/{int(value)}.flac"} for value in clips[split][:, 0]],
    )


def test_the_factors_of_a_prepared_set_are_read_by_the_source_of_each_clip(tmp_path):
    """The latent is the number of the row, as `pitch` is; `index` is known of few clips, and `label` is constant."""
    dataset = dataset_of(tmp_path, [("train", 300, 0), ("valid", 100, 300)])

    def encode(clips, generator=None):
        return torch.stack([clips[:, :1], torch.zeros(len(clips), 1)], dim=-1)

    model = SimpleNamespace(encode=encode, encode_mean=lambda clips: encode(clips)[:, 0])
    assert disentanglement(model, dataset, generator()) == {}
    order = np.random.default_rng(0).permutation(400)
    rows = [f"kick/{row}.flac,drum,kick,0,{row / 10},{row if row < 20 else ''}\n" for row in order]
    (tmp_path / "factors.csv").write_text("file,kind,label,seed,pitch,index\n" + "".join(rows))
    found = disentanglement(model, dataset, generator())
    assert found["mig"] == pytest.approx(1, abs=0.01) and found["informativeness"] > 0.95
    assert set(found) == {"mig", "disentanglement", "completeness", "informativeness"}
