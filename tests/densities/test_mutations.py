"""Faults planted in the latent loss: the tests that prove it must fail under every one of them.

Else they would prove nothing. Each fault is one that has been seen in published code: a KL without its 1/2, averaged
over dimensions where it is a sum, or with the sign of a log-determinant flipped.
"""

import inspect

import pytest
import test_distributions
import test_flows
import torch
from torch import Tensor

from flowshot.densities import distributions
from flowshot.densities.flows import Flow

original_kl, original_draw = distributions.gaussian_kl, distributions.draw_with_kl
original_transform, original_prior = distributions.posterior_transform, distributions.Prior.log_prob
original_map = Flow._map


def half_of_the_closed_form(mean: Tensor, log_scale: Tensor) -> Tensor:
    return 0.5 * original_kl(mean, log_scale)


def twice_the_closed_form(mean: Tensor, log_scale: Tensor) -> Tensor:
    return 2 * original_kl(mean, log_scale)


def half_of_every_divergence(*arguments: object) -> tuple[Tensor, Tensor]:
    latent, kl = original_draw(*arguments)
    return latent, 0.5 * kl


def mean_over_dimensions(*arguments: object) -> tuple[Tensor, Tensor]:
    latent, kl = original_draw(*arguments)
    return latent, kl / latent.shape[-1]


def flipped_in_the_posterior(*arguments: object) -> tuple[Tensor, Tensor]:
    latent, log_det = original_transform(*arguments)
    return latent, -log_det


def flipped_in_the_prior(self, latent):
    log_det = 0.0 if self.flow is None else self.flow.to_base(latent)[1]
    return original_prior(self, latent) - 2 * log_det


def flipped_in_the_flow(self, vectors, context, forward):
    mapped, log_det = original_map(self, vectors, context, forward)
    return mapped, -log_det


def swapped_directions(self, vectors, context, forward):
    mapped, log_det = original_map(self, vectors, context, forward)
    return mapped, original_map(self, mapped, context, not forward)[1] if forward else log_det


# The fault, where it is planted, and proofs that must notice it, with their arguments.
D, F = test_distributions, test_flows
FAULTS = {
    "the closed form is halved": (
        "gaussian_kl", half_of_the_closed_form,
        [
            (D.test_the_gaussian_divergence_agrees_with_torch, {}),
            (D.test_between_gaussians_the_divergence_is_the_closed_form_and_without_noise, {}),
            (D.test_a_monte_carlo_estimate_from_the_densities_agrees_with_the_closed_form, {}),
            (D.test_flows_that_are_the_identity_give_the_gaussian_case, {"kind": "nsf", "side": "both"}),
        ],
    ),
    "the closed form lacks its factor 1/2": (
        "gaussian_kl", twice_the_closed_form,
        [
            (D.test_the_gaussian_divergence_agrees_with_torch, {}),
            (D.test_a_monte_carlo_estimate_from_the_densities_agrees_with_the_closed_form, {}),
        ],
    ),
    "every divergence is halved": (
        "draw_with_kl", half_of_every_divergence,
        [
            (D.test_between_gaussians_the_divergence_is_the_closed_form_and_without_noise, {}),
            (D.test_flows_that_are_the_identity_give_the_gaussian_case, {"kind": "iaf", "side": "posterior"}),
            (D.test_an_affine_prior_flow_gives_the_divergence_between_two_gaussians, {}),
            (D.test_an_affine_posterior_flow_gives_the_divergence_between_two_gaussians, {}),
            (D.test_the_estimate_agrees_with_the_ratio_of_the_densities, {"kind": "realnvp"}),
        ],
    ),
    "the divergence is a mean over dimensions": (
        "draw_with_kl", mean_over_dimensions,
        [
            (D.test_between_gaussians_the_divergence_is_the_closed_form_and_without_noise, {}),
            (D.test_flows_that_are_the_identity_give_the_gaussian_case, {"kind": "maf", "side": "prior"}),
            (D.test_an_affine_prior_flow_gives_the_divergence_between_two_gaussians, {}),
            (D.test_an_affine_posterior_flow_gives_the_divergence_between_two_gaussians, {}),
            (D.test_the_estimate_agrees_with_the_ratio_of_the_densities, {"kind": "iaf"}),
        ],
    ),
    "the posterior flow's log-determinant is flipped": (
        "posterior_transform", flipped_in_the_posterior,
        [
            (D.test_an_affine_posterior_flow_gives_the_divergence_between_two_gaussians, {}),
            (D.test_equal_posterior_and_prior_give_zero, {"kind": "iaf"}),
            (D.test_a_flow_on_both_sides_does_not_change_the_divergence, {"kind": "nsf"}),
            (D.test_the_log_density_of_a_draw_is_that_of_its_base_less_the_log_determinant, {"kind": "realnvp"}),
        ],
    ),
    "the prior flow's log-determinant is flipped": (
        "Prior.log_prob", flipped_in_the_prior,
        [
            (D.test_an_affine_prior_flow_gives_the_divergence_between_two_gaussians, {}),
            (D.test_equal_posterior_and_prior_give_zero, {"kind": "maf"}),
            (D.test_samples_of_a_prior_have_its_density, {"kind": "nsf"}),
        ],
    ),
    "a flow's log-determinants are flipped in both directions": (
        "Flow._map", flipped_in_the_flow,
        [
            (F.test_the_log_determinant_is_that_of_the_jacobian, {
                "kind": "iaf", "context_size": None, "size": 5, "direction": "to_latent"
            }),
            (F.test_the_log_determinant_is_that_of_the_jacobian, {
                "kind": "nsf", "context_size": 3, "size": 5, "direction": "to_base"
            }),
            (F.test_the_density_of_two_dimensions_integrates_to_one, {"kind": "realnvp"}),
            (D.test_an_affine_prior_flow_gives_the_divergence_between_two_gaussians, {}),
            (D.test_an_affine_posterior_flow_gives_the_divergence_between_two_gaussians, {}),
        ],
    ),
    "a flow's log-determinant is flipped in one direction": (
        "Flow._map", swapped_directions,
        [
            (F.test_the_log_determinant_is_that_of_the_jacobian, {
                "kind": "iaf", "context_size": None, "size": 5, "direction": "to_latent"
            }),
            (F.test_the_log_determinant_is_that_of_the_jacobian, {
                "kind": "realnvp", "context_size": None, "size": 5, "direction": "to_base"
            }),
        ],
    ),
}  # fmt: skip

CASES = [
    pytest.param(place, fault, proof, arguments, id=f"{name}: {proof.__name__.removeprefix('test_')}")
    for name, (place, fault, proofs) in FAULTS.items()
    for proof, arguments in proofs
]


def plant(monkeypatch, place, fault):
    """Put `fault` wherever the code and its proofs find what is called `place`."""
    if "." in place:
        owner, name = place.split(".")
        monkeypatch.setattr({"Prior": distributions.Prior, "Flow": Flow}[owner], name, fault)
        return
    for module in (distributions, test_distributions):
        if hasattr(module, place):
            monkeypatch.setattr(module, place, fault)


def prove(proof, arguments):
    """The body of a proof, without what pytest and hypothesis put around it."""
    torch.manual_seed(0)
    inspect.unwrap(proof)(**arguments)


@pytest.mark.parametrize(("place", "fault", "proof", "arguments"), CASES)
def test_a_planted_fault_makes_the_proof_fail_and_without_it_the_proof_holds(
    monkeypatch, place, fault, proof, arguments
):
    prove(proof, arguments)
    plant(monkeypatch, place, fault)
    with pytest.raises(AssertionError):
        prove(proof, arguments)
