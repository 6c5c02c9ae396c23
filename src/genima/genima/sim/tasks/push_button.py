# SPDX-License-Identifier: Apache-2.0
"""Push the button down."""

import mujoco
import numpy as np

from genima.sim import fittings, grips, props, shapes
from genima.sim.task import Task, Waypoint

_BASE_HEIGHT_M = 0.034


class PushButton(Task):
    """A button on a box; done when it is more than 3 mm down."""

    name = "push_button"

    def descriptions(self, variation: int) -> tuple[str, ...]:
        """The wordings of RLBench."""
        self.require_variation(variation)
        return (
            "push the maroon button",
            "push down the maroon button",
            "press the button with the maroon base",
            "press the maroon button",
        )

    def build(self, spec: mujoco.MjSpec) -> None:
        """A box with a plate, and a cap on a spring."""
        case = props.add_material(spec, "button_case", (0.80, 0.79, 0.76), specular=0.2)
        maroon = props.add_material(spec, "button_maroon", (0.46, 0.09, 0.13), shininess=0.6)
        dark = props.add_material(spec, "button_dark", (0.16, 0.16, 0.17))
        half_height = _BASE_HEIGHT_M / 2
        shapes.add_rounded_box(spec, "button_case", (0.062, 0.062, half_height), 0.008)
        base = spec.worldbody.add_body(name="button_base")
        props.add_visual(base, case, mesh="button_case", pos=(0, 0, half_height))
        fittings.add_button(spec, base, "button", (0, 0, _BASE_HEIGHT_M), maroon, dark)
        # Lower than it looks, so that the cap alone is felt over its whole travel.
        props.add_collider(
            base,
            mujoco.mjtGeom.mjGEOM_BOX,
            (0.06, 0.06, half_height - 0.004),
            pos=(0, 0, half_height - 0.004),
        )

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Anywhere in the workspace, at any yaw."""
        position = (rng.uniform(0.34, 0.62), rng.uniform(-0.24, 0.24), 0.0)
        props.fix_body(model, "button_base", position, rng.uniform(-np.pi, np.pi))

    def success(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """RLBench's condition: the joint is more than 3 mm down."""
        return bool(data.joint("button_joint").qpos[0] > fittings.BUTTON_PRESSED_M)

    def waypoints(self, model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Waypoint, ...]:
        """Above it with closed fingers, down, and up again."""
        x, y, _ = data.body("button_base").xpos
        # The gripper looks the same after half a turn, the case after a quarter of one.
        yaw = props.wrap(props.yaw_of(data, "button_base"), np.pi / 2)
        return grips.press(np.array([x, y, _BASE_HEIGHT_M + fittings.BUTTON_CAP_M]), yaw)
