# SPDX-License-Identifier: Apache-2.0
"""The course of a training of drawings as a CSV file and a picture."""

from pathlib import Path

from genima.act.curves import Curves

#: What a row holds; validation columns are empty where nothing was validated.
COLUMNS = (
    "step",
    "seconds",
    "loss",
    "motion",
    "gripper",
    "learning_rate",
    "error_deg",
    "gripper_accuracy",
    "usable",
    "missing",
    "psnr_db",
)


class DrawingCurves(Curves):
    """As `Curves`, for drawings.

    Args:
        out: Folder of the training.
        until_step: Rows behind this step, of a run that was killed, are left out.
    """

    def __init__(self, out: Path, until_step: int) -> None:
        super().__init__(out, until_step, COLUMNS)

    def draw(self) -> None:
        """Draw the picture anew."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(13, 4), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for name in ("loss", "motion", "gripper"):
            steps, values = self.series(name)
            if any(values):
                left.plot(steps, values, label=name, linewidth=1)
        left.set(xlabel="step", ylabel="loss", yscale="log", title="training")
        left.legend()
        middle.plot(*self.series("error_deg"), marker=".")
        middle.set(xlabel="step", ylabel="error of joints 1 to 6 [deg]", title="usable drawings")
        middle.set_ylim(bottom=0)
        for name, label in (
            ("gripper_accuracy", "gripper right"),
            ("usable", "usable"),
            ("missing", "a sphere missing"),
        ):
            right.plot(*self.series(name), marker=".", label=label)
        right.set(xlabel="step", ylabel="share of drawings", title="held-out drawings")
        right.set_ylim(-0.02, 1.02)
        right.legend()
        for axes in (left, middle, right):
            axes.grid(alpha=0.3)
        self.save(figure)
