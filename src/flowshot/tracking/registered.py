"""Published arms in MLflow's registry; `mlflow.pyfunc.load_model("models:/NAME/1")` loads one."""

import warnings
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.core.records import RECORD, record_key
from flowshot.tracking.mlflow_runs import find_store, one_line, open_store
from flowshot.tracking.run import read_run


def register(folder: Path, name: str, arm: tuple[str, str, str], seed: int) -> int:
    """Make the published arm in `folder` the newest version of the model `name`, from the arm's run; the version.

    Raises FlowshotError where the arm was not scored here, MLflow has no run of it, or does not answer.
    """
    store = find_store()
    with one_line(store), warnings.catch_warnings(action="ignore"):
        client, experiment = open_store(store)
        import mlflow
        from mlflow.models import infer_signature

        scored = Path("runs/score", *arm, str(seed))
        if not (scored / RECORD).is_file():
            raise FlowshotError(f"{'/'.join(arm)}, seed {seed}: it was not scored here; run `dvc repro`")
        key = record_key(read_run(scored).record)
        found = client.search_runs([experiment], f"tags.`flowshot.key` = '{key}'")
        if not found:
            raise FlowshotError(
                f"{'/'.join(arm)}, seed {seed}: MLflow has no run of it; `flowshot sync --all` sends it"
            )
        mlflow.set_tracking_uri(store)
        with mlflow.start_run(run_id=found[0].info.run_id, experiment_id=experiment):
            logged = mlflow.pyfunc.log_model(
                name="arm",
                python_model=Path(__file__).with_name("arm_model.py"),
                artifacts={"arm": str(folder)},
                pip_requirements=["flowshot"],
                registered_model_name=name,
                signature=infer_signature({"clips": 16, "seed": 0}),
            )
        return int(logged.registered_model_version)
