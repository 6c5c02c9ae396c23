# SPDX-License-Identifier: Apache-2.0
"""What the diffusion node tells of its health."""

from collections.abc import Mapping, Sequence
from typing import Any

from genima.sync import Arrival, FrameSync
from genima.timing import DurationStats
from genima.worker import LatestWorker
from genima_ros.diagnostics import Health, Level


def health_of(
    faults: Sequence[str], waiting: Sequence[str], instruction: str, values: Mapping[str, object]
) -> Health:
    """Faults before what is waited for, and that before what is being drawn."""
    if faults:
        return Health(Level.ERROR, "; ".join(faults), values)
    if waiting:
        return Health(Level.WARN, f"no camera_info from {list(waiting)}", values)
    return Health(Level.OK, instruction or "no instruction yet", values)


def picture_faults(sync: FrameSync[Any], now_s: float, max_age_s: float) -> list[str]:
    """Why there are no pictures to draw on, in sentences; empty if there are."""
    faults = [report.message for report in sync.reports(now_s)]
    frames = sync.newest()
    if faults or frames is None or now_s - frames.stamp_s <= max_age_s:
        return faults
    age_s = now_s - frames.stamp_s
    return [f"images are {age_s:.1f} s old, at most {max_age_s} s is drawn on; see to the clocks"]


def figures(
    durations: DurationStats,
    images_refused: int,
    worker: LatestWorker[Any] | None,
    arrivals: Mapping[Arrival, int],
) -> dict[str, object]:
    """How long drawing takes, and what became of the pictures."""
    return {
        "drawing p50 [ms]": round(1e3 * durations.percentile_s(50), 1),
        "drawing p95 [ms]": round(1e3 * durations.percentile_s(95), 1),
        "tiles drawn": durations.count,
        "jobs replaced": worker.replaced if worker else 0,
        "images refused": images_refused,
    } | {f"images: {arrival.value}": count for arrival, count in arrivals.items()}
