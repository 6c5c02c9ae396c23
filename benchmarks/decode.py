#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How exactly drawn tiles are decoded, clean and damaged, and how long it takes."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import thread_time

import cv2
import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src" / "genima"), str(ROOT / "src" / "genima" / "test")]

import decode_cases as cases  # noqa: E402
from decode_scenes import Scenes  # noqa: E402

from genima.decode import DecodedTarget, TargetDecoder, Verdict  # noqa: E402

Images = dict[str, np.ndarray]
Condition = Callable[[cases.Case, Images, np.random.Generator], Images]

#: An answer is wrong if a joint is off by more [deg].
WRONG_DEG = 3.0
HEADINGS = (
    "drawing",
    "median error of joints 1 to 7 [deg]",
    "95th percentile [deg]",
    "gripper right [%]",
    "within 3 deg [%]",
    "refused [%]",
    "wrong, not refused",
    "CPU 5 / 50 / 95 % [ms]",
)


def each(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Condition:
    """Draw on the scene, then change every image."""
    return lambda case, scene, rng: {
        name: change(image, rng) for name, image in case.drawn_on(scene).items()
    }


def on_textures(alpha: float) -> Condition:
    """Draw on random textures instead of the scene."""
    return lambda case, scene, rng: case.drawn_on({n: cases.texture(rng) for n in scene}, alpha)


CLEAN = "clean"
CONDITIONS: dict[str, Condition] = {
    CLEAN: each(lambda image, rng: image),
    "noise, sigma 15": each(lambda image, rng: cases.noisy(image, 15, rng)),
    "blur, 1 px": each(lambda image, rng: cv2.GaussianBlur(image, (0, 0), 1)),
    "blur, 2 px": each(lambda image, rng: cv2.GaussianBlur(image, (0, 0), 2)),
    "JPEG, quality 50": each(lambda image, rng: cases.jpeg(image, 50)),
    "on textures": on_textures(1.0),
    "blended, alpha 0.7": lambda case, scene, rng: case.drawn_on(scene, 0.7),
    "blended on textures": on_textures(0.7),
}


@dataclass
class Results:
    """Errors [deg] (n, 7) with the fit, gripper, verdict and CPU time [s] of each tile."""

    errors: np.ndarray
    fits: np.ndarray
    gripper: np.ndarray
    usable: np.ndarray
    seconds: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """Which tiles were decoded without a gross error (n,)."""
        return self.errors.max(axis=1) < WRONG_DEG


def measure(condition: Condition, scenes: list[tuple[cases.Case, Images, int]]) -> Results:
    decoder = TargetDecoder(cases.RIG, cases.POLICY)
    rows = []
    for case, scene, seed in scenes:
        tile = cases.tiled(condition(case, scene, np.random.default_rng([seed, 1])))
        began = thread_time()
        decoded = decoder.decode(tile, case.q_now)
        seconds = thread_time() - began
        rows.append((error_deg(decoded, case), decoded.fit, decoded.usable, seconds))
        rows[-1] += (decoded.q is not None and decoded.gripper_open == case.gripper_open,)
    errors, fits, usable, seconds_all, gripper = (np.array(c) for c in zip(*rows, strict=True))
    return Results(errors, fits, gripper, usable, seconds_all)


def error_deg(decoded: DecodedTarget, case: cases.Case) -> np.ndarray:
    """Error of each joint; half a turn where there is no answer."""
    if decoded.q is None:
        return np.full(7, 180.0)
    return np.degrees(np.abs(decoded.q - case.q_target))


def nothing_drawn(scenes: list[tuple[cases.Case, Images, int]]) -> dict[str, int]:
    """Verdicts on tiles that have no spheres in them."""
    decoder = TargetDecoder(cases.RIG, cases.POLICY)
    verdicts = [
        decoder.decode(cases.tiled(scene), case.q_now).verdict for case, scene, _ in scenes
    ]
    return {verdict.name: verdicts.count(verdict) for verdict in Verdict}


def area_under_roc(right: np.ndarray, wrong: np.ndarray) -> float:
    """Chance that a right answer has a better fit than a wrong one."""
    if not len(right) or not len(wrong):
        return float("nan")
    difference = right[:, None] - wrong[None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def row(name: str, result: Results) -> str:
    usual, most = np.percentile(result.errors, [50, 95], axis=0)
    misled = int((result.usable & ~result.right).sum())
    columns = [
        name,
        " ".join(f"{error:.2f}" for error in usual),
        " ".join(f"{error:.1f}" for error in most),
        *(f"{100 * x.mean():.1f}" for x in (result.gripper, result.right, ~result.usable)),
        f"{misled}",
        " / ".join(f"{1e3 * s:.0f}" for s in np.percentile(result.seconds, [5, 50, 95])),
    ]
    return f"| {' | '.join(columns)} |"


def plot(results: dict[str, Results], path: Path) -> None:
    figure = Figure(figsize=(13, 5))
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    for i, (name, result) in enumerate(results.items()):
        usual, most = np.percentile(result.errors, [50, 95], axis=0)
        at = np.arange(1, 8) + (i - (len(results) - 1) / 2) * 0.1
        left.vlines(at, usual, most, color=f"C{i}", lw=2, label=name)
        left.plot(at, usual, "o", ms=4, color=f"C{i}")
    left.axhline(1, color="0.7", lw=0.8)
    left.set(yscale="log", xlabel="joint", ylabel="error [deg]", xticks=range(1, 8))
    left.set_title("median (dot) to 95th percentile")
    left.legend(fontsize=8, ncols=2)
    fits = np.concatenate([r.fits for r in results.values()])
    good = np.concatenate([r.right for r in results.values()])
    bins = np.linspace(0, 1, 41)
    for chosen, label in ((good, "within 3 deg"), (~good, "wrong or none")):
        right.hist(fits[chosen], bins, alpha=0.6, label=f"{label} ({chosen.sum()})")
    right.set(yscale="log", xlabel="fit", ylabel="tiles", title="all conditions together")
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=500, help="clean tiles")
    parser.add_argument("--damaged", type=int, default=200, help="tiles of every kind of damage")
    parser.add_argument("--seed", type=int, default=100_000, help="of the first tile")
    parser.add_argument("--plot", type=Path, help="where to write the plot")
    given = parser.parse_args()
    photographer = Scenes()
    scenes = []
    for seed in range(given.seed, given.seed + given.tiles):
        rng = np.random.default_rng(seed)
        case = cases.random_case(rng)
        scenes.append((case, photographer.shoot(case.q_now, rng), seed))
    photographer.close()
    measure(CONDITIONS[CLEAN], scenes[:5])  # tables that are made once are not timed
    results = {}
    print(f"| {' | '.join(HEADINGS)} |\n{'|---' * len(HEADINGS)}|")
    for name, condition in CONDITIONS.items():
        results[name] = measure(condition, scenes[: None if name == CLEAN else given.damaged])
        print(row(name, results[name]), flush=True)
    fits = np.concatenate([r.fits for r in results.values()])
    right = np.concatenate([r.right for r in results.values()])
    print(
        f"\narea under the ROC curve of the fit: {area_under_roc(fits[right], fits[~right]):.4f}"
    )
    print(f"verdicts where nothing is drawn: {nothing_drawn(scenes)}")
    if given.plot:
        plot(results, given.plot)


if __name__ == "__main__":
    main()
