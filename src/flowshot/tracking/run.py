"""The content of a run for MLflow, read from its record and the files of its project."""

import csv
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from flowshot.core.files import read_json
from flowshot.core.provenance import parameters_digest
from flowshot.core.records import IDENTITY, RECORD, project_of, read_record, record_files, record_key

DETAILS = ("n", "ci_low", "ci_high", "dimensions")  # of a number, and no metrics


class Run(NamedTuple):
    """A run: its record, whose `parameters` are all that it depends on, its files, and the training of an arm."""

    root: Path
    record: Mapping[str, Any]
    files: list[Path]
    parent: "Run | None" = None

    @property
    def tags(self) -> dict[str, str]:
        """Tags that name, group and find runs, and the text on a run's page."""
        record, names = self.record, [self.record[name] for name in ("dataset", "model", "prior")]
        about = f"Clips from the prior `{record['prior']}`." if record["prior"] else "A training; its arms are nested."
        again = f" Again: `dvc repro --force --single-item {record['dvc_stage']}`" if record["dvc_stage"] else ""
        tags = {name: record[name] for name in (*IDENTITY, "machine")} | {
            "flowshot.key": record_key(record),
            "stage": record["dvc_stage"],
            "dvc_experiment": record["experiment"],
            "git_revision": record["revision"],
            "parameters_digest": parameters_digest(record["parameters"]),
            "mlflow.runName": "/".join([*filter(None, names), f"seed{record['seed']}"]),
            "mlflow.note.content": about + again,
            "mlflow.source.name": f"stages/{record['stage']}.py",
            "mlflow.source.git.commit": record["revision"].partition("+")[0],
        }
        return {name: str(value) for name, value in tags.items() if value not in (None, "")}

    @property
    def written(self) -> int:
        """When the record was written, in milliseconds since the epoch."""
        return int(datetime.fromisoformat(self.record["written"]).timestamp() * 1000)

    def numbers(self) -> dict[tuple[str, int], tuple[float, int]]:
        """Curves and final metrics that are finite: by name and step the value and the time in milliseconds."""
        training = self.parent or self
        begin = training.written - 1000 * (training.record["seconds"] or 0)
        times = {row["step"]: 1000 * float(row["seconds"]) for row in _rows(self.files, "times.csv")}
        numbers = {
            (f"training/{name}", int(row["step"])): (float(cell), int(begin + times.get(row["step"], 0)))
            for row in _rows(self.files, "history.csv")
            for name, cell in row.items()
            if cell and name != "step"
        }
        final = {(name, 0): (float(value), self.written) for name, value in self._final_metrics().items()}
        return {key: number for key, number in (numbers | final).items() if math.isfinite(number[0])}

    def _final_metrics(self) -> dict[str, float]:
        values: dict[str, Any] = {}
        for path in self.files:
            if path.name in ("diagnostics.json", "nats.json"):
                values |= {name: value for name, value in read_json(path).items() if name not in DETAILS}
            elif path.name == RECORD:
                record = read_record(path.parent)
                if record["stage"] == "train":
                    values["train_seconds"] = record["seconds"]
                elif record["seconds"] and "clips" in record:
                    values["clips_per_second"] = record["clips"] / record["seconds"]
            elif path.relative_to(self.root).parts[0] == "scores":
                for each in read_json(path):
                    suffix = "" if each["embedding"] == "none" else f"_{each['embedding']}"
                    values[each["metric"] + suffix] = each["value"]
        return {name: value for name, value in values.items() if type(value) in (int, float)}


def read_run(folder: Path) -> Run:
    """The run of a record folder `runs/<stage>/...`, with the available output of the stages before it.

    An arm's parameters are those of its own record and, where it lacks a section, of the records before it.
    Raises FlowshotError if the record is missing or damaged.
    """
    record, parent = read_record(folder), None
    root = project_of(folder, record["stage"])
    files = record_files(root, record)
    if record["prior"] is not None:
        before = [read_record(path.parent) for path in files if path.name == RECORD]
        record["parameters"] = {name: value for each in (*before, record) for name, value in each["parameters"].items()}
        for training in [each for each in before if each["stage"] == "train"]:
            training |= {name: record[name] for name in ("plan", "experiment")}  # which may reuse a training
            training["parameters"] = {name: record["parameters"][name] for name in training["parameters"]}
            parent = Run(root, training, record_files(root, training))
    return Run(root, record, files, parent)


def _rows(files: list[Path], name: str) -> list[dict[str, str]]:
    """The rows of a table that may still grow: a line that is not whole yet is left out."""
    text = "".join(path.read_text(encoding="utf-8") for path in files if path.name == name and path.is_file())
    return list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))
