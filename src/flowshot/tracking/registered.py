"""Published arms in MLflow's registry; `mlflow.pyfunc.load_model("models:/NAME/1")` loads one."""

import warnings
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.tracking.mlflow_runs import find_store, one_line, open_store


def register(folder: Path, name: str, arm: tuple[str, str, str], seed: int) -> int:
    """Make the published arm in `folder` the newest version of the model `name`, from the arm's run; the version.

    Raises FlowshotError where MLflow has no run of the arm, or does not answer.
    """
    store = find_store()
    with one_line(store), warnings.catch_warnings(action="ignore"):
        client, experiment = open_store(store)
        import mlflow
        from mlflow.models import infer_signature

        asked = zip(("dataset", "model", "prior", "seed"), (*arm, seed), strict=True)
        found = client.search_runs([experiment], " and ".join(f"tags.{key} = '{value}'" for key, value in asked))
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
