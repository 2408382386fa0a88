"""What can be said of a folder of the user's before anything is decoded or trained."""

from flowshot.clips.prepared import FEWEST_HELD_OUT
from flowshot.core.errors import FlowshotError
from flowshot.core.process import warn
from flowshot.preparation.config import DatasetConfig
from flowshot.preparation.splits import files_needed
from flowshot.sources.grouping import matches_nothing
from flowshot.sources.inputs import list_files, user_folder


def check_folder(name: str, config: DatasetConfig) -> None:
    """Warn of patterns that match nothing, and refuse a folder that holds too few files to be scored.

    Raises:
        FlowshotError: the folder of the dataset `name` is missing, empty or too small.
    """
    if config.source != "folder":
        return
    folder = user_folder(name, config.path)
    files = list_files(folder)
    if not files:
        raise FlowshotError(f"{folder}: holds no files; put audio there, or name another folder in datasets.{name}")
    for line in matches_nothing(files, exclude=config.exclude, group=config.group):
        warn(f"datasets.{name}: {line}")
    audio, needed = sum(file.is_audio for file in files), files_needed(config.split)
    if config.cut == "file" and audio < needed:
        raise FlowshotError(
            f"{folder}: holds {audio} audio files, but with this `split` at least {needed} are needed, so that "
            f"validation and test have {FEWEST_HELD_OUT} clips each to score; add files, or change `split` of {name}"
        )
