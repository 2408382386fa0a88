import math

import pytest
import torch

from flowshot.models.autoencoders.vae.pitch import BEYOND, IN_BAND, PLACES, QUARTERS, PitchHead, drawn_places
from flowshot.models.autoencoders.vae.slots import TONE, Slots
from seeded import generator

BANDS, FRAMES, SLOTS = 3, 4, 16


def peaked(place, width=1.0):
    """Shares around a place in 0 to 1, as they are learned."""
    centres = torch.arange(PLACES) + 0.5 - BEYOND
    shares = (-0.5 * ((centres - place * IN_BAND) / width) ** 2).exp()
    return (shares / shares.sum())[None, None, :, None]


@pytest.mark.parametrize("place", [0.03, 0.2, 0.5, 0.77, 0.97])
def test_a_sharp_distribution_gives_its_own_place_whatever_is_drawn(place):
    shares = peaked(place).expand(200, 1, -1, 1)
    drawn = drawn_places(shares, torch.rand(200, 1, generator=generator()))
    assert (drawn - place).abs().mean() < 0.25 / IN_BAND


def test_a_flat_distribution_gives_any_place_as_it_is_drawn():
    draws = torch.linspace(0, 1, 101)[:, None]
    drawn = drawn_places(torch.full((101, 1, PLACES, 1), 1 / PLACES), draws)[..., 0]
    expected = ((draws * PLACES - BEYOND) / IN_BAND).clamp(0, 1)
    torch.testing.assert_close(drawn[10:-10], expected[10:-10], atol=2e-3, rtol=0)
    assert (drawn.diff(dim=0) >= 0).all() and drawn.min() < 0.02 and drawn.max() > 0.98


def test_two_peaks_are_drawn_as_often_as_they_are_likely():
    shares = 0.7 * peaked(0.2) + 0.3 * peaked(0.8)
    drawn = drawn_places(shares.expand(1000, 1, -1, 1), torch.rand(1000, 1, generator=generator()))
    assert (drawn < 0.5).float().mean() == pytest.approx(0.7, abs=0.05)
    near = torch.minimum((drawn - 0.2).abs(), (drawn - 0.8).abs())
    assert (near < 1 / IN_BAND).float().mean() > 0.9


def logits_for(slots):
    """Logits that say of each band and quarter what `slots` have there."""
    quarters = slots.place.unflatten(-1, (QUARTERS, -1)).mean(-1)
    centres = (torch.arange(PLACES) + 0.5 - BEYOND)[:, None]
    gate = slots.tonality.unflatten(-1, (FRAMES, -1)).mean(-1)
    return 12 * (gate - 0.5), -0.5 * (quarters.unsqueeze(2) * IN_BAND - centres).square()


def some_slots():
    tonal = (torch.rand(2, BANDS, QUARTERS, generator=generator()) > 0.4).float().repeat_interleave(4, -1)
    place = torch.rand(2, BANDS, QUARTERS, generator=generator(1)).repeat_interleave(4, -1)
    return Slots(tonal, place, torch.ones(2, BANDS, SLOTS))


def test_the_loss_is_lowest_where_gate_and_place_are_right():
    head, slots = PitchHead(5, 6, BANDS, FRAMES), some_slots()
    right = logits_for(slots)
    missed = {
        "right": head.loss(right, slots),
        "other gate": head.loss((-right[0], right[1]), slots),
        "other place": head.loss((right[0], right[1].flip(2)), slots),
        "no idea": head.loss((0 * right[0], 0 * right[1]), slots),
    }
    assert all((missed["right"] < other).all() for name, other in missed.items() if name != "right")
    assert (missed["no idea"] < missed["other place"]).all(), "better unsure than wrong"


def test_what_is_silent_or_noise_has_no_place_to_be_missed():
    head, slots = PitchHead(5, 6, BANDS, FRAMES), some_slots()
    gate, place = logits_for(slots)
    noise = Slots(0 * slots.tonality, slots.place, slots.level)
    torch.testing.assert_close(head.loss((gate, place), noise), head.loss((gate, place.flip(2)), noise))
    silence = Slots(slots.tonality, slots.place, 0 * slots.level)
    assert head.loss((gate, place), silence).abs().max() == 0


def test_what_is_chosen_is_what_the_logits_say():
    head, slots = PitchHead(5, 6, BANDS, FRAMES), some_slots()
    chosen = head.choose(logits_for(slots), torch.rand(2, BANDS, 2, generator=generator()), SLOTS)
    middle = torch.arange(SLOTS) % 4 // 2 != 3  # between two quarters the place moves
    assert ((chosen.tonality > 0) == (slots.tonality > 0.5))[..., middle].float().mean() > 0.85
    quarters = [each.place.unflatten(-1, (QUARTERS, -1)).mean(-1) for each in (chosen, slots)]
    assert (quarters[0] - quarters[1]).abs().mean() < 0.1


def test_a_doubtful_gate_is_a_tone_as_often_as_its_logit_says_and_never_flickers():
    """A quarter of the slots in doubt: each sub-band of each clip is a tone throughout, or noise throughout."""
    head = PitchHead(5, 6, BANDS, FRAMES)
    clips = 2000
    logits = torch.full((clips, BANDS, FRAMES), math.log(0.25 / 0.75)), torch.zeros(clips, BANDS, PLACES, QUARTERS)
    heard = head.choose(logits, torch.rand(clips, BANDS, 2, generator=generator()), SLOTS).tonality
    assert (heard == heard[..., :1]).all()
    assert heard.mean() == pytest.approx(0.25, abs=0.03)
    together = (heard[:, 0, 0] * heard[:, 1, 0]).mean()
    assert together == pytest.approx(0.25**2, abs=0.02), "sub-bands draw each for itself"


def test_the_gate_learns_how_often_a_slot_is_a_tone():
    """Cross-entropy with what is counted as a tone: at the share of tones, its gradient is 0."""
    head, share = PitchHead(5, 6, BANDS, FRAMES), 0.25
    tonality = torch.full((8, BANDS, SLOTS), 0.9 * TONE)
    tonality[: int(8 * share)] = 1.1 * TONE
    gate = torch.full((8, BANDS, FRAMES), math.log(share / (1 - share)), requires_grad=True)
    measured = Slots(tonality, torch.full_like(tonality, 0.5), torch.ones_like(tonality))
    loss = head.loss((gate, torch.zeros(8, BANDS, PLACES, QUARTERS)), measured).sum()
    (slope,) = torch.autograd.grad(loss, gate)
    torch.testing.assert_close(slope.sum(0), torch.zeros_like(slope[0]), atol=1e-5, rtol=0)


def test_a_new_head_is_undecided():
    head = PitchHead(5, 6, BANDS, FRAMES)
    head.start_undecided()
    with torch.no_grad():
        _, places = head(torch.randn(8, 5, generator=generator()), torch.randn(8, 6, FRAMES, generator=generator()))
    assert places.shape == (8, BANDS, PLACES, QUARTERS)
    assert places.softmax(2).max() < 3 / PLACES
