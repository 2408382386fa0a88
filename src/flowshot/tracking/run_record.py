"""What MLflow is to hold of a run, gathered where the run is: it may be told later, and by another process."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowshot.core.provenance import UNKNOWN, git_revision, parameters_digest
from flowshot.tracking.runs import DatasetRecord, Number, RunIdentity, Status, read_dataset_record


@dataclass(frozen=True)
class RunFacts:
    """What tells a run from every other one.

    Args:
        identity: what it is of.
        parameters: everything it depends on, nested by section.
        experiment: the DVC experiment; empty where there is none.
        tags: by which runs are grouped and found.
        dataset: the prepared dataset, where it is there.
    """

    identity: RunIdentity
    parameters: Mapping[str, Any]
    experiment: str
    tags: Mapping[str, str]
    dataset: DatasetRecord | None

    @property
    def key(self) -> str:
        """The same for the same names, parameters and DVC experiment."""
        return self.identity.key(self.parameters, self.experiment)


@dataclass(frozen=True)
class RunRecord:
    """All of a run.

    Args:
        facts: what it is.
        numbers: of its metrics; an arm has the curves of its training, too.
        status: how it ended.
        files: each with the folder in which MLflow shows it.
        training: of an arm: the training that it samples from.
    """

    facts: RunFacts
    numbers: tuple[Number, ...]
    status: Status
    files: tuple[tuple[str, Path], ...] = ()
    training: RunFacts | None = None


def gather_facts(identity: RunIdentity, parameters: Mapping[str, Any]) -> RunFacts:
    """The facts of a run of this process, in the current folder."""
    revision, experiment = git_revision(Path.cwd()), os.environ.get("DVC_EXP_NAME", "")
    tags = {
        "plan": identity.plan,
        "dataset": identity.dataset,
        "autoencoder": identity.autoencoder,
        "prior": identity.prior,
        "seed": str(identity.seed),
        "stage": os.environ.get("DVC_STAGE"),
        "dvc_experiment": experiment,
        "git_revision": revision,
        "parameters_digest": parameters_digest(parameters),
        "mlflow.note.content": identity.description,
        "mlflow.source.name": Path(sys.argv[0]).name,
        "mlflow.source.git.commit": None if revision == UNKNOWN else revision.partition("+")[0],
    }
    said = {name: value for name, value in tags.items() if value}
    return RunFacts(identity, parameters, experiment, said, read_dataset_record(identity.dataset))
