"""What MLflow runs to load a registered arm: the code of the model, which it copies beside the weights."""

from typing import Any

import mlflow
import numpy as np
import pandas as pd


class ArmModel(mlflow.pyfunc.PythonModel):
    """Draws clips: `predict` takes a table with columns `clips`, a number, and `seed`; clips `[n, samples]`."""

    def load_context(self, context: Any) -> None:  # noqa: D102
        import flowshot

        self.arm = flowshot.load(context.artifacts["arm"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> np.ndarray:  # noqa: D102
        rows = zip(model_input["clips"], model_input["seed"], strict=True)
        return np.concatenate([self.arm.sample(int(clips), seed=int(seed)).numpy() for clips, seed in rows])


mlflow.models.set_model(ArmModel())
