# SPDX-License-Identifier: Apache-2.0
"""From where the arm is and where it is to go: how its joints move in the next second.

This needs no image, so a small network learns it from all steps of the demonstrations at once. All
it is told is seen from the arm's own plane, in which joint 1 turns it: the same motion beside the
base is the same motion in front of it, and a few placements of an object teach all directions.
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from jaxtyping import Bool, Float
from torch import Tensor, nn

from genima.diffusion.arm_view import GRIPPER, sphere_frames
from genima.diffusion.places import PLACES

#: Of a latent: seven joints, then the gripper.
CHANNELS = 8
#: By how much an answer of 1 moves a joint [rad].
MOTION_RAD = 0.2
# What counts as 1: the reach of a motion, what lies nearby, and what is almost there [m].
_FAR_M, _NEAR_M, _CLOSE_M = 0.3, 0.1, 0.02
#: What is almost there is not told beyond this.
_CLOSE_LIMIT = 3.0
#: Joints 2 to 7, gripper, fingertips, direction of the hand; then of each place.
_ARM_FEATURES, _PLACE_FEATURES = 6 + 1 + 3 + 2, 6 + 4
#: From one place to the next; a task with one place has no such way.
_WAY_FEATURES = 2 + 4


def answer_for(
    q: Float[Tensor, "b 7"], q_target: Float[Tensor, "b 7"], gripper_open: Bool[Tensor, "b"]
) -> Float[Tensor, "b 8"]:
    """What should be answered.

    Args:
        q: Present joint positions, as the model is told them [rad].
        q_target: Those that shall be drawn [rad].
        gripper_open: Whether the gripper is to be open.
    """
    gripper = 2.0 * gripper_open.to(q.dtype) - 1.0
    return torch.cat([(q_target - q) / MOTION_RAD, gripper[:, None]], dim=1)


class MotionHead(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Answers by how much each joint moves, and whether the gripper is to be open.

    Args:
        text_width: Of the text encoder's hidden states.
        width: Of the layers.
    """

    @register_to_config
    def __init__(self, text_width: int = 128, width: int = 256) -> None:
        super().__init__()
        taken = _ARM_FEATURES + PLACES * _PLACE_FEATURES + (PLACES - 1) * _WAY_FEATURES
        self.arm = nn.Linear(taken, width)
        self.goal = nn.Linear(text_width, width, bias=False)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.answer = nn.Linear(width, CHANNELS)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(
        self,
        q: Float[Tensor, "b 7"],
        state: Float[Tensor, "b 15"],
        ground: Float[Tensor, "b p 2"],
        text: Float[Tensor, "b t e"],
    ) -> Float[Tensor, "b 8"]:
        """The answer, in single precision whatever the images are looked at with.

        Args:
            q: Present joint positions [rad].
            state: The same and the gripper, as of `DrawInput`.
            ground: x and y of the places that it is to go to, in the base [m].
            text: Hidden states of the text encoder.
        """
        with torch.autocast(q.device.type, enabled=False):
            seen = torch.cat([_arm_seen(q.float(), state.float()), _places_seen(q, ground)], dim=1)
            x = nn.functional.silu(self.arm(seen) + self.goal(text.float().mean(dim=1)))
            for layer in self.layers:
                x = nn.functional.silu(layer(x))
            return self.answer(x)  # type: ignore[no-any-return]


def _arm_seen(q: Float[Tensor, "b 7"], state: Float[Tensor, "b 15"]) -> Float[Tensor, "b n"]:
    hand = sphere_frames(q)[:, GRIPPER]
    tip = _in_plane(q, hand[:, :2, 3])
    turn = torch.atan2(hand[:, 1, 0], hand[:, 0, 0]) - q[:, 0]
    parts = [state[:, 1:7], state[:, 14:], tip / _FAR_M, hand[:, 2:, 3] / _FAR_M]
    return torch.cat([*parts, turn.cos()[:, None], turn.sin()[:, None]], dim=1)


def _places_seen(q: Float[Tensor, "b 7"], ground: Float[Tensor, "b p 2"]) -> Float[Tensor, "b n"]:
    q, ground = q.float(), ground.float()
    tip = _in_plane(q, sphere_frames(q)[:, GRIPPER, :2, 3])[:, None]
    place = _in_plane(q[:, None], ground)
    way = place - tip
    close = (way / _CLOSE_M).clamp(-_CLOSE_LIMIT, _CLOSE_LIMIT)
    each = torch.cat([place / _FAR_M, way / _NEAR_M, close, _direction(way)], dim=2)
    onward = place[:, 1:] - place[:, :-1]
    between = torch.cat([onward / _NEAR_M, _direction(onward)], dim=2)
    return torch.cat([each.flatten(1), between.flatten(1)], dim=1)


def _direction(way: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 4"]:
    """Where a way leads, and along which line: a hand that is turned by half a turn is the same.

    Of ways of about no length there is neither.
    """
    x, y = (way / (way.norm(dim=-1, keepdim=True) + _CLOSE_M)).unbind(dim=-1)
    return torch.stack([x, y, x * x - y * y, 2.0 * x * y], dim=-1)


def _in_plane(q: Float[Tensor, "*b 7"], point: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2"]:
    """X and y as seen from the arm's plane."""
    cos, sin = q[..., 0].cos(), q[..., 0].sin()
    x, y = point.unbind(dim=-1)
    return torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-1)
