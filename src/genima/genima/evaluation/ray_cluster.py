# SPDX-License-Identifier: Apache-2.0
"""Evaluations spread over the computers of a Ray cluster."""

import os
import socket
from typing import Any

from genima.errors import EvaluationError, GenimaError, MissingDependency
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.means import Means
from genima.evaluation.plan import EvaluationPlan
from genima.evaluation.terminal import ProgressDisplay
from genima.evaluation.unit import run_unit, take_in, units_of

_LOCAL = "local"
_OPTIONS: dict[str, Any] = {"log_to_driver": False, "include_dashboard": False}
#: A cluster that is only for us need not keep a third of the memory [bytes].
_SMALL: dict[str, Any] = {"object_store_memory": 256 * 2**20}
#: How long a head may take to answer, and a busy computer to start a cluster [s].
_ANSWER_LIMIT_S = 5.0
_START_LIMIT_S = 120


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
        _require_answer(address)
        if address == _LOCAL:
            os.environ.setdefault("RAY_raylet_start_wait_time_s", str(_START_LIMIT_S))
            ray.init(_LOCAL, _node_ip_address="127.0.0.1", **_OPTIONS, **_SMALL)
        else:
            ray.init(address, **_OPTIONS)
    except Exception as error:  # it has many, and none of its own for this
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise EvaluationError(
            f"no Ray cluster can be used at {address!r}: {why[0]}; start one with "
            "'ray start --head' and give its address, or give local"
        ) from error
    return ray


def _require_answer(address: str) -> None:
    """Ray itself would try for ten minutes.

    Raises:
        OSError: Nobody listens there.
        ValueError: It is no address.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=_ANSWER_LIMIT_S).close()
    elif address not in (_LOCAL, "auto"):
        raise ValueError("an address is HOST:PORT, ray://HOST:PORT, auto or local")


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
