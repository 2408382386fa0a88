"""Training on a GPU; without one there is nothing to measure, and earlier numbers stay."""

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measuring import CLIP_SECONDS, SAMPLE_RATE, Numbers, decaying_noise, default_model, default_training
from flowshot.core.params import check_section, read_params
from flowshot.core.plan import PlanConfig
from flowshot.models.autoencoders.vae.training import Objective
from flowshot.training.latent_loss import LatentLoss
from flowshot.training.loop import clipped_gradients
from flowshot.training.losses import ReconstructionLoss

MATRIX = 8192  # rows and columns of the product that says what the card reaches in bfloat16


def gpu(steps: int = 100) -> Numbers:
    """Training of the default model in bfloat16; steps of the plan `thesis` count as bare and without flows."""
    if not torch.cuda.is_available():
        return {}
    device, batch_size = torch.device("cuda"), 64
    torch.cuda.reset_peak_memory_stats()
    step = gpu_step(device, batch_size)
    with FlopCounterMode(display=False) as counter:
        step()
    of_step = seconds_each(step, steps)
    memory = torch.cuda.max_memory_allocated() / 2**30
    peak = matrix_flops(device)
    plan = check_section(PlanConfig, read_params().named_plan("thesis"), "plans.thesis")
    trainings = len(plan.datasets) * len(plan.autoencoders) * len(plan.seeds)
    clips = plan.budget.steps * plan.budget.batch_size
    return {
        "card": torch.cuda.get_device_name(),
        "seconds of audio per second": batch_size * CLIP_SECONDS / of_step,
        "samples per second": batch_size * CLIP_SECONDS * SAMPLE_RATE / of_step,
        "share of a bfloat16 matrix product's operations per second": counter.get_total_flops() / of_step / peak,
        "GiB of GPU memory": memory,
        "minutes of as many bare steps as the plan thesis has clips for": trainings * clips / batch_size * of_step / 60,
    }


def gpu_step(device: torch.device, batch_size: int) -> Callable[[], None]:
    """A step of training as the loop does it, on clips that are on the card already."""
    model, config = default_model().to(device), default_training()
    clips = torch.from_numpy(decaying_noise(batch_size)).to(device)
    loss = ReconstructionLoss(config.loss, SAMPLE_RATE).to(device)
    noise = torch.Generator(device).manual_seed(0)
    objective = Objective(model, loss, LatentLoss(config), noise, bfloat16=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), fused=True)

    def step() -> None:
        clipped_gradients(model, objective(clips, 0)[0], config.gradient_clip)
        optimizer.step()

    return step


def seconds_each(step: Callable[[], None], count: int) -> float:
    """Seconds of a step, on average over `count` after as many to warm up; the card is waited for at the end."""
    for _ in range(count):
        step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(count):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / count


def matrix_flops(device: torch.device, runs: int = 50) -> float:
    """Operations per second of a large bfloat16 matrix product, the most that this card does of anything."""
    a = torch.randn(MATRIX, MATRIX, device=device, dtype=torch.bfloat16)
    _ = a @ a
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(runs):
        _ = a @ a
    torch.cuda.synchronize()
    return runs * 2 * MATRIX**3 / (time.perf_counter() - start)
