# SPDX-License-Identifier: Apache-2.0
"""Plans of evaluations from the words of a command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genima.errors import InvalidParameter, PolicyError
from genima.evaluation.plan import CHOICES, Agent, Controller, EvaluationPlan, digest
from genima.evaluation.plan_checks import choose
from genima.sim.scenery import factors_of


def make_plans(options: Mapping[str, Any]) -> list[EvaluationPlan]:
    """One plan for each policy that is named, or one without.

    Args:
        options: Values of a plan's settings as they were given: choices as words, tasks,
            policies and factors separated by commas.

    Raises:
        InvalidParameter: A value is not allowed.
        PolicyError: A policy is no policy folder, or lacks what is to be evaluated.
    """
    chosen = {name: choose(kind, options[name], name) for name, kind in CHOICES.items()}
    # Made absolute once: it is read again from other folders, and by other computers.
    policies = [str(Path(name).absolute()) for name in _words(options["policy"])]
    doubled = sorted({name for name in policies if policies.count(name) > 1})
    if doubled:
        raise InvalidParameter(f"--policy names {doubled[0]} twice; name each checkpoint once")
    settings = {
        **options,
        **chosen,
        "tasks": tuple(_words(options["tasks"])),
        "perturb": factors_of(options["perturb"]),
    }
    plans = [
        EvaluationPlan(
            **settings | {"policy": policy, "weights": digest(Path(policy)) if policy else ""}
        )
        for policy in policies or [""]
    ]
    for plan in plans:
        _require_parts(plan)
    return plans


def _require_parts(plan: EvaluationPlan) -> None:
    """Refuse now what no node would start with.

    Raises:
        PolicyError: The policy lacks the part that is to be evaluated.
        InvalidParameter: Its model does not draw in so many steps.
    """
    needed = {
        "controller/config.json": plan.controller is Controller.ACT,
        "diffusion/genima.json": plan.agent is Agent.POLICY,
    }
    for name, is_needed in needed.items():
        if is_needed and not (Path(plan.policy) / name).is_file():
            raise PolicyError(
                f"{plan.policy} has no {name}; give the folder of a policy of which that stage "
                "is trained"
            )
    if plan.diffusion_steps:  # torch takes seconds, and nothing else needs it here
        from genima.diffusion.config import require_steps
        from genima.diffusion.models import load_config

        config = load_config(Path(plan.policy) / "diffusion")
        require_steps(config.output, plan.diffusion_steps)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
