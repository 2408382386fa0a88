"""`flowshot plan`: which plan runs."""

import argparse
import io
import re

from ruamel.yaml import YAML

from flowshot.cli.base import Outcome
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_file, writing
from flowshot.core.params import PARAMS, check_section, parse_params, read_text
from flowshot.core.plan import PlanConfig

# The lines of the section `plan`, without what follows them.
SECTION = re.compile(r"^plan:.*\n(?:[ \t].*\n|[ \t]*\n(?=[ \t]))*", re.M)


def run(arguments: argparse.Namespace) -> Outcome:
    """Write the values of a plan into the section `plan` of params.yaml, and leave every other line as it is."""
    text = read_text(PARAMS)
    text += "" if text.endswith("\n") else "\n"  # without which the pattern misses a section at the end
    params = parse_params(SECTION.sub("", text), PARAMS)  # without it, which may be what is wrong
    values = params.named_plan(arguments.name)
    plan = check_section(PlanConfig, values, f"{PARAMS}: plans.{arguments.name}")
    yaml, lines = YAML(), io.StringIO()
    yaml.default_flow_style, yaml.width = None, 118
    yaml.dump(values, lines)
    section = "plan:\n" + "".join(f"  {line}\n" for line in lines.getvalue().splitlines())
    fresh = SECTION.sub(lambda _: section, text, count=1) if SECTION.search(text) else f"{text}\n{section}"
    try:
        replaced = parse_params(fresh, PARAMS).plan == plan
    except FlowshotError:  # such as of a key that is there twice
        replaced = False
    if not replaced:
        raise FlowshotError(f"{PARAMS}: its section `plan` cannot be replaced; indent all of its lines, or edit it")
    with writing(PARAMS), whole_file(PARAMS) as file:
        file.write_text(fresh, encoding="utf-8")
    arms = len(plan.datasets) * len(plan.arms) * len(plan.seeds)
    report = {"plan": plan.name, "arms": arms, "changed": fresh != text}
    return Outcome(report, f"{PARAMS}: plan {plan.name}, {arms} {'arm' if arms == 1 else 'arms'}")
