"""What scripts in `stages/` share: arguments, one-line errors, threads, and stop requests."""

import argparse
import faulthandler
import inspect
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, TypeVar

from flowshot.core.errors import FlowshotError
from flowshot.core.files import unwritable

Item = TypeVar("Item")
Result = TypeVar("Result")


def stage(main: Callable[..., None], description: str | None = None) -> None:
    """Call `main` with the words of the command line, as its parameters name and type them; see `run_script`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, parameter in inspect.signature(main).parameters.items():
        parser.add_argument(name, type=parameter.annotation)
    words = vars(parser.parse_args())
    run_script(lambda: main(**words))


def run_script(main: Callable[[], None]) -> None:
    """Call `main`; a FlowshotError, a full disk or too little memory is one line on standard error and status 1."""
    faulthandler.enable(2)  # says where, if the system ends this, as when a file that is mapped into memory is cut off
    try:
        main()
    except FlowshotError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if (reason := unwritable(error)) is None:
            raise
        sys.exit(f"error: {error.filename or 'an output'}: {reason}; free space or change permissions")
    except (MemoryError, RuntimeError) as error:
        # torch's are RuntimeErrors: on a GPU of a class of their own, known here by its name, as core needs no torch.
        named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        if not named and "can't allocate memory" not in str(error):
            raise
        sys.exit(
            "error: out of memory; lower batch_size (in plan.budget to train, in fit_prior or sample elsewhere) or the "
            "sizes of the model in params.yaml, or close other programs"
        )
    except KeyboardInterrupt:
        sys.exit("error: interrupted; earlier outputs are unchanged, run `dvc repro` to continue")


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


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Within the block, Ctrl-C or SIGTERM only makes the yielded function return True, so that a step can finish.

    A second request ends the process at once.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    requested: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        requested.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: bool(requested)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def warn(line: str) -> None:
    """Print a warning on standard error; the stage continues."""
    print(f"warning: {line}", file=sys.stderr)


def workers() -> int:
    """How many processes or threads this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    what: str,
    unit: str,
    chunksize: int = 1,
    **options: Any,
) -> list[Result]:
    """`work` of each item, in order; `work` must be picklable. A progress bar says `what` and counts in `unit`.

    One worker is this process itself, unless there are `options` for the ProcessPoolExecutor.

    Raises:
        FlowshotError: a process was killed or crashed.
    """
    from tqdm import tqdm

    progress = partial(tqdm, total=len(items), desc=what, unit=unit, disable=None)
    if workers == 1 and not options:
        return list(progress(map(work, items)))
    # Spawned, not forked: this process may hold threads, and a fork of those can hang.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), **options) as pool:
        try:
            return list(progress(pool.map(work, items, chunksize=chunksize)))
        except BrokenProcessPool:
            raise FlowshotError(
                f"{what}: a process was killed or crashed, perhaps for lack of memory, or the calling script lacks "
                '`if __name__ == "__main__":`; close other programs, then run again'
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
