"""`flowshot card`: a trained arm as a folder for a model hub, with what there is to know about it."""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from flowshot.api.arm import Arm
from flowshot.api.load import ABOUT
from flowshot.cli.arms import load_arm, replaceable
from flowshot.cli.base import Outcome
from flowshot.clips.prepared import PREPARED
from flowshot.core.files import read_json, whole_folder, write_json, writing
from flowshot.core.params import read_params
from flowshot.core.plan import DIRECT
from flowshot.core.provenance import git_revision
from flowshot.core.templates import templates
from flowshot.models.base.kind import CONFIG, WEIGHTS


def run(arguments: argparse.Namespace) -> Outcome:
    """Copy weights and configuration, and write `README.md` from what the stages left."""
    out = replaceable(arguments.out, arguments.force)
    arm = load_arm(arguments.arm, arguments.model_seed)
    dataset = read_json(arm.project / PREPARED / arm.names[0] / "dataset.json")
    scores_file = arm.project.joinpath("scores", *arm.names, f"{arm.seed}.json")
    scores = read_json(scores_file) if scores_file.is_file() else []
    trained = arm.project.joinpath("models", *arm.names[:2], str(arm.seed))
    fitted = arm.project.joinpath("priors", *arm.names, str(arm.seed))
    section = {} if arm.names[2] == DIRECT else read_params().entry("fit_prior", arm.names[2])
    about = {"names": arm.names, "seed": arm.seed, "batch_size": arm.batch_size, "fit_prior": section}
    with writing(out), whole_folder(out) as folder:
        for name in (CONFIG, WEIGHTS, *arm.card.files):
            shutil.copyfile(trained / name, folder / name)
        for path in fitted.glob("*.safetensors"):
            shutil.copyfile(path, folder / path.name)
        write_json(folder / ABOUT, about)
        write_json(folder / "dataset.json", dataset)
        (folder / "README.md").write_text(readme(arm, dataset, scores, out.name), encoding="utf-8")
    files = sorted(path.name for path in out.iterdir())
    report = {"arm": arm.name, "model_seed": arm.seed, "out": str(out), "files": files, "metrics": len(scores)}
    text = "\n".join(str(out / name) for name in files)
    if arguments.register:
        from flowshot.tracking.registered import register  # imported here because MLflow takes seconds

        version = register(out, arguments.register, arm.names, arm.seed)
        report["registered"] = f"models:/{arguments.register}/{version}"
        text += f"\n{report['registered']}"
    return Outcome(report, text)


def readme(arm: Arm, dataset: dict[str, Any], scores: list[dict[str, Any]], folder: str) -> str:
    """The card: what the model is, what it learned from, how good it is, and how it is loaded."""
    environment = templates(Path(__file__).parent, keep_trailing_newline=True)
    environment.filters |= {"json": json.dumps, "number": "{:.4g}".format}
    card = environment.get_template("card.md.jinja")
    return card.render(arm=arm, dataset=dataset, scores=scores, folder=folder, revision=git_revision(arm.project))
