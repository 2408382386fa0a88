"""All benchmarks, what each says, and what is asked of its numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from benchmarks import gpu, pipeline, preparation, sampling, scoring, training, watching
from benchmarks.measuring import Numbers


@dataclass(frozen=True)
class Wanted:
    """What a number must be: at least, or at most, a limit."""

    limit: float
    at_least: bool = True

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"

    def is_met(self, value: float | str) -> bool:
        """Whether `value` is a number on the right side of the limit."""
        return not isinstance(value, str) and (value >= self.limit if self.at_least else value <= self.limit)


@dataclass(frozen=True)
class Benchmark:
    """A function that measures; `wanted` holds what is asked of some of its numbers, by their names."""

    measure: Callable[[], Numbers]
    meaning: str
    wanted: dict[str, Wanted] = field(default_factory=dict)


BENCHMARKS = {
    "training loop": Benchmark(
        training.loop_overhead,
        "The loop with its batches, schedules, clipping, checks and history, against forward, backward and step alone.",
        {"loop over bare step": Wanted(1.05, at_least=False)},
    ),
    "training against acids-rave": Benchmark(
        training.against_rave,
        "Against v2_small in its first phase, with as many parameters, on as many clips per batch. RAVE's losses need "
        "each clip padded to 32,768 samples: the first number counts all of these as audio, the second the clips.",
        {"throughput over RAVE's, samples processed": Wanted(2), "throughput over RAVE's, clips": Wanted(2)},
    ),
    "training against pythae": Benchmark(
        training.against_pythae,
        "Against pythae's VAE and trainer with our encoder and decoder in it, on the same tensors, with the same loss: "
        "1 means that neither program costs more than the other.",
    ),
    "diagnosis": Benchmark(
        watching.diagnosis_share,
        "The diagnosis of the latent, at every validation and at the end, as a part of the time of training.",
    ),
    "checkpoints": Benchmark(
        watching.checkpoint_share, "Writing the state of a training, once a minute, as a part of the time of training."
    ),
    "logging": Benchmark(
        watching.logging_share, "Sending curves to MLflow every five seconds, as a part of the time of training."
    ),
    "preparation": Benchmark(
        preparation.preparation,
        "`fetch` and `prepare` against `rave preprocess` on one folder of WAV files, each as a command on all cores.",
        {"times faster than `rave preprocess`": Wanted(3)},
    ),
    "decoding": Benchmark(sampling.decoding, "The default decoder.", {"times real time": Wanted(100)}),
    "sampling": Benchmark(
        sampling.sampling,
        "1,000 latents from each prior at its default size, and 1,000 clips of one second, decoding included.",
        {f"{name}, seconds for 1000 latents": Wanted(5, at_least=False) for name in ("nf", "gmm", "rectified_flow")},
    ),
    "generators": Benchmark(
        sampling.generators,
        "Steps of the plan's batch size over a short training, and 16 drawn clips, multiplied; CRASH with 50 steps.",
    ),
    "embedding": Benchmark(scoring.embedding, "YAMNet, resampling included."),
    "Fréchet distance": Benchmark(
        scoring.frechet, "The distance and its moments, against frechet-audio-distance on the same embeddings."
    ),
    "scoring": Benchmark(scoring.scoring, "Every default metric with its interval, embedding included."),
    "nothing to do": Benchmark(
        pipeline.nothing_to_do,
        "The plan `quick` when all of it is up to date.",
        {"seconds of make repro": Wanted(3, at_least=False)},
    ),
    "side by side": Benchmark(
        pipeline.side_by_side,
        "The plan `quick`, trainings of 30 steps: `flowshot run --jobs 2`, one core per stage, against `dvc repro`.",
        {"times faster": Wanted(1.5)},
    ),
    "GPU": Benchmark(gpu.gpu, "Training in bfloat16, batches of 64."),
}

# Only by name: the plan as it is takes an hour.
LONG = {
    "side by side, whole plan": Benchmark(
        partial(pipeline.side_by_side, None),
        "The plan `quick` as it is: `flowshot run --jobs 2`, one core per stage, against `dvc repro`.",
        {"times faster": Wanted(1.5)},
    ),
}
