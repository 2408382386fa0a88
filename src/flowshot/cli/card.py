"""`flowshot card`: a trained arm as a folder for a model hub, with what there is to know about it."""

import argparse
import json
import shutil
from typing import Any

from flowshot.api.arm import ABOUT, Arm
from flowshot.cli.arms import load_arm, replaceable
from flowshot.cli.base import Outcome
from flowshot.clips.prepared import PREPARED
from flowshot.core.files import read_json, whole_folder, write_json, writing
from flowshot.core.params import read_params
from flowshot.core.plan import DIRECT
from flowshot.core.provenance import git_revision

LOADING = """## Use

```python
import flowshot

arm = flowshot.load("{folder}")  # this folder
clips = arm.sample(16)  # [16, {samples}], mono, {rate} Hz
```
"""


def run(arguments: argparse.Namespace) -> Outcome:
    """Copy weights and configuration, and write `README.md` from what the stages left."""
    out = replaceable(arguments.out, arguments.force)
    arm = load_arm(arguments)
    dataset = read_json(arm.project / PREPARED / arm.names[0] / "dataset.json")
    scores_file = arm.project.joinpath("scores", *arm.names, f"{arm.seed}.json")
    scores = read_json(scores_file) if scores_file.is_file() else []
    trained = arm.project.joinpath("models", *arm.names[:2], str(arm.seed))
    fitted = arm.project.joinpath("priors", *arm.names, str(arm.seed))
    section = {} if arm.names[2] == DIRECT else read_params().entry("fit_prior", arm.names[2])
    about = {"names": arm.names, "seed": arm.seed, "batch_size": arm.batch_size, "fit_prior": section}
    with writing(out), whole_folder(out) as folder:
        for name in ("config.json", "weights.safetensors", *arm.card.files):
            shutil.copyfile(trained / name, folder / name)
        for path in fitted.glob("*.safetensors"):
            shutil.copyfile(path, folder / path.name)
        write_json(folder / ABOUT, about)
        write_json(folder / "dataset.json", dataset)
        (folder / "README.md").write_text(readme(arm, dataset, scores, out.name), encoding="utf-8")
    files = sorted(path.name for path in out.iterdir())
    report: dict[str, Any] = {
        "arm": arm.name,
        "model_seed": arm.seed,
        "out": str(out),
        "files": files,
        "metrics": len(scores),
    }
    text = "\n".join(str(out / name) for name in files)
    if arguments.register:
        from flowshot.tracking.registered import register  # imported here because MLflow takes seconds

        version = register(out, arguments.register, arm.names, arm.seed)
        report |= {"registered": f"models:/{arguments.register}/{version}"}
        text += f"\n{report['registered']}"
    return Outcome(report, text)


def readme(arm: Arm, dataset: dict[str, Any], scores: list[dict[str, Any]], folder: str) -> str:
    """The card: what the model is, what it learned from, how good it is, and how it is loaded."""
    rate, samples = arm.sample_rate, arm.clip_samples
    counts = dataset["counts"]["clips"]
    parts = [
        f"---\ntags: [audio, flowshot]\nlibrary_name: flowshot\nlicense: other\n"
        f"license_name: {json.dumps(dataset['licence'])}\n---",
        f"# {arm.name}",
        f"Clips of {samples / rate:g} s at {rate} Hz, mono. A model of the kind `{arm.card.kind}` with the prior "
        f"`{arm.names[2]}`, trained with seed {arm.seed} by flowshot at revision `{git_revision(arm.project)}`.",
        LOADING.format(folder=folder, samples=samples, rate=rate).rstrip(),
        f"## Data\n\n{dataset['origin'][:1].upper()}{dataset['origin'][1:]}. Licence: {dataset['licence']}. "
        f"{counts['train']} clips for training, {counts['valid']} for validation, {counts['test']} for tests.",
    ]
    if dataset["packages"]:
        rows = [
            f"| {one['name']} | {one['version']} | {one['licence']} | {one['origin']} |" for one in dataset["packages"]
        ]
        parts.append("\n".join(["| package | version | licence | origin |", "|---|---|---|---|", *rows]))
    if scores:
        rows = [
            f"| {one['metric']} | {one['embedding']} | {one['value']:.4g} | {_interval(one)} | {one['n']} |"
            for one in scores
        ]
        header = ["| metric | embedding | value | interval | clips |", "|---|---|---|---|---|"]
        parts.append("\n".join(["## Metrics\n\nOf generated against held-out clips.\n", *header, *rows]))
    return "\n\n".join(parts) + "\n"


def _interval(score: dict[str, Any]) -> str:
    if score["ci_low"] is None or score["ci_high"] is None:
        return ""
    return f"{score['ci_low']:.4g} to {score['ci_high']:.4g}"
