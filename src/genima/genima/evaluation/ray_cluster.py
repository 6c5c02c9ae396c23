# SPDX-License-Identifier: Apache-2.0
"""Evaluations spread over the computers of a Ray cluster."""

from typing import Any

from genima.errors import EvaluationError, GenimaError, MissingDependency
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.means import Means
from genima.evaluation.plan import EvaluationPlan
from genima.evaluation.terminal import ProgressDisplay
from genima.evaluation.unit import run_unit, take_in, units_of


def run_on_ray(
    folder: EvaluationFolder, plan: EvaluationPlan, means: Means, display: ProgressDisplay
) -> None:
    """Run all episodes that remain, one core each; all computers need this software and policy.

    Raises:
        MissingDependency: Ray is not installed.
        EvaluationError: There is no such cluster, or one of its computers cannot do the work.
    """
    units = list(units_of(plan, folder.remaining()))
    if not units:
        return
    ray = _connected(means.ray)
    display.note(
        f"{len(units)} units of work for {ray.cluster_resources().get('CPU', 0):.0f} cores"
    )
    try:
        work = ray.remote(num_cpus=1, max_retries=2)(run_unit)
        pending = [work.remote(unit, means.video) for unit in units]
        while pending:
            (done,), pending = ray.wait(pending)
            bundle = _result(ray, done)
            take_in(folder, plan, bundle)
            for record in bundle.records:
                display.finish(record)
    finally:
        ray.shutdown()


def _connected(address: str) -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingDependency(
            "--ray needs the package ray: pip install 'genima[ray]', on all computers of the "
            "cluster"
        ) from error
    try:
        ray.init(address=address, log_to_driver=False, include_dashboard=False)
    except Exception as error:  # it has many, and none of its own for this
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise EvaluationError(
            f"no Ray cluster can be used at {address!r}: {why[0]}; start one with "
            "'ray start --head' and give its address, or give local"
        ) from error
    return ray


def _result(ray: Any, done: Any) -> Any:
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        cause = error.as_instanceof_cause()
        if isinstance(cause, GenimaError):
            sentence = str(getattr(cause, "cause", cause))
            raise EvaluationError(f"a computer of the Ray cluster refuses: {sentence}") from error
        raise
    except ray.exceptions.RayError as error:
        raise EvaluationError(
            f"the Ray cluster broke down: {error}; repeat the command to go on with what remains"
        ) from error
