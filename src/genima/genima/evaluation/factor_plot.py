# SPDX-License-Identifier: Apache-2.0
"""A picture of several evaluations: successes by factor and by agent, as the paper's Figure 4."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from genima.errors import EvaluationError
from genima.evaluation.comparison import Evaluated
from genima.evaluation.plan import Agent, EvaluationPlan
from genima.evaluation.wilson import wilson_interval

_WIDTH_IN, _HEIGHT_IN = 10.0, 4.2
_NONE = "none"
_TOGETHER = 0.8  # of a factor's place that its bars take


def factor_plot(evaluations: Sequence[Evaluated]) -> Figure:
    """A group of bars for each factor, in it a bar with its 95 % interval for each agent.

    Raises:
        EvaluationError: Two evaluations are of the same agent under the same factors.
    """
    found = _by_agent_and_factor(evaluations)
    agents = list(dict.fromkeys(agent for agent, _ in found))
    factors = sorted({factor for _, factor in found}, key=lambda f: (f != _NONE, "+" in f, f))
    figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), facecolor="white", layout="constrained")
    axes = figure.subplots()
    width = _TOGETHER / len(agents)
    for number, agent in enumerate(agents):
        shown = [i for i, factor in enumerate(factors) if (agent, factor) in found]
        at = np.array(shown) + (number + 0.5) * width - _TOGETHER / 2
        counts = [_counts(found[agent, factors[i]]) for i in shown]
        rates = np.array([done / episodes for done, episodes in counts])
        ends = np.array([wilson_interval(*count) for count in counts])
        errors = np.clip([rates - ends[:, 0], ends[:, 1] - rates], 0.0, None)
        axes.bar(at, 100 * rates, 0.92 * width, label=agent, alpha=0.75)
        axes.errorbar(at, 100 * rates, 100 * errors, fmt="none", ecolor="#444444", capsize=3)
    axes.set_xticks(
        range(len(factors)), [f.replace("_", "\n").replace("+", " +\n") for f in factors]
    )
    axes.set_ylim(0, 100)
    axes.set_ylabel("success [%]")
    plan = evaluations[0].plan
    axes.set_title(
        f"{', '.join(plan.tasks)}; seeds {plan.seeds[0]} to {plan.seeds[-1]}",
        fontsize=10,
        loc="left",
    )
    axes.grid(axis="y", color="#e5e5e5")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=min(4, len(agents)), frameon=False)
    return figure


def save_factor_plot(evaluations: Sequence[Evaluated], path: Path) -> None:
    """Draw it into a file.

    Raises:
        EvaluationError: It cannot be drawn, or not be written.
    """
    figure = factor_plot(evaluations)
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"the plot cannot be written to {path}: {error}; give a file such as factors.png"
        ) from error


def _by_agent_and_factor(
    evaluations: Sequence[Evaluated],
) -> dict[tuple[str, str], Evaluated]:
    found: dict[tuple[str, str], Evaluated] = {}
    for one in evaluations:
        key = _agent(one.plan), "+".join(f.value for f in one.plan.perturb) or _NONE
        if key in found:
            raise EvaluationError(
                f"{found[key].path} and {one.path} both hold {key[0]} perturbed by {key[1]}; "
                "plot one of them"
            )
        found[key] = one
    return found


def _agent(plan: EvaluationPlan) -> str:
    if plan.agent is Agent.EXPERT:
        return plan.agent.value
    policy = f" ({Path(plan.policy).name})" if plan.policy else ""
    return f"{plan.agent.value} + {plan.controller.value}{policy}"


def _counts(one: Evaluated) -> tuple[int, int]:
    return one.successes(one.plan.keys), len(one.plan.keys)
