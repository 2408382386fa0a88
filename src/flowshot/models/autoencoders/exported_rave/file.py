"""What an exported RAVE says of itself on disk, read without running any of it: TorchScript is code."""

import itertools
import pickletools
import zipfile
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.models.autoencoders.exported_rave.config import ExportedRaveConfig

# Under which names RAVE's versions keep their rate, in Hz.
RATE_NAMES = ("sr", "sampling_rate")


def exported_path(config: ExportedRaveConfig) -> Path:
    """The file that `path` names."""
    return Path(config.path).expanduser()


def check_exported(config: ExportedRaveConfig, path: Path, sample_rate: int) -> None:
    """Raise FlowshotError where the file `path` must not or cannot be used for clips of `sample_rate`.

    Nothing of the file is run. What shows only when it runs is checked where it is loaded.
    """
    if not path.is_file():
        raise FlowshotError(f"{path}: not found; `path` must name a file that `rave export` wrote")
    if not config.trust:
        raise FlowshotError(
            f"{path}: is not loaded, because an exported RAVE is TorchScript, which is code that would run here; where "
            "you trust its makers, set `trust: true` beside `path`"
        )
    numbers = recorded_numbers(path)
    rates = [numbers[name] for name in RATE_NAMES if name in numbers]
    if rates:
        check_rate(path, rates[0], sample_rate)
    check_channels(path, numbers.get("n_channels", 1))


def check_rate(path: Path, rate: int, sample_rate: int) -> None:
    """Raise FlowshotError unless the file's `rate` is the clips' `sample_rate`, both in Hz."""
    if rate != sample_rate:
        raise FlowshotError(
            f"{path}: is for {rate} Hz, but the clips have {sample_rate} Hz; set the dataset's sample_rate to {rate}, "
            "or name another file"
        )


def check_channels(path: Path, channels: int) -> None:
    """Raise FlowshotError unless the file takes and gives one channel."""
    if channels != 1:
        raise FlowshotError(f"{path}: is for {channels} channels, but clips have one; export a model of one channel")


def recorded_numbers(path: Path) -> dict[str, int]:
    """The whole numbers among the attributes of the TorchScript file `path`, by their names.

    The attributes are pickled as a name and a value in turn; the pickle is read word by word and nothing is made of it.
    Of a name that has several values, as those of parts have, the first is given, which is that of the model itself
    where it stands before its parts.

    Raises:
        FlowshotError: the file is no TorchScript.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            data = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
            if not data or not any("/code/" in name for name in names):
                raise ValueError("it holds no code")
            words = [(word.name, value) for word, value, _ in pickletools.genops(archive.read(data[0]))]
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        raise FlowshotError(
            f"{path}: is no TorchScript ({error}); a run of RAVE becomes such a file by `rave export`"
        ) from None
    # Between a name and its value the pickle may only note where it keeps the name.
    words = [word for word in words if word[0] not in ("BINPUT", "LONG_BINPUT")]
    found: dict[str, int] = {}
    for (word, name), (next_word, value) in itertools.pairwise(words):
        if word == "BINUNICODE" and next_word in ("BININT", "BININT1", "BININT2"):
            found.setdefault(str(name), int(value or 0))
    return found
