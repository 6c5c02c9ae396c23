# SPDX-License-Identifier: Apache-2.0
"""Pictures of a board in the MuJoCo world, from a camera whose pose is known to the last digit."""

from collections.abc import Sequence
from types import TracebackType

import mujoco
import numpy as np

from genima.arrays import Array, Float, UInt8
from genima.cameras import Camera, CameraRig
from genima.handeye.board import Board
from genima.sim.mujoco_world import MujocoSnapshot, MujocoWorld
from genima.sim.panda import ARM_JOINTS
from genima.sim.props import VISUAL_GROUP
from genima.sim.renderer import MujocoRenderer, Quality
from genima.sim.scene import scene_spec
from genima.sim.world import WorldState

_PHYSICS_DT_S = 0.002
_SQUARE_PX = 96
_MARGIN_SQUARES = 0.4
"""White paper around the squares."""
_THICKNESS_M = 0.004


class BoardWorld:
    """The arm, a table, cameras, and a board that is fixed to a frame of the robot.

    To be used in one thread, and closed.

    Args:
        cameras: What takes the pictures.
        board: The board.
        board_frame: The frame that it is fixed to.
        frame_T_board: Its pose there.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        board: Board,
        board_frame: str,
        frame_T_board: "Float[Array, '4 4']",
    ) -> None:
        rig = CameraRig({camera.name: camera for camera in cameras})
        spec = scene_spec(rig, _PHYSICS_DT_S)
        _add_board(spec, board, board_frame, frame_T_board)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._joints = [int(self._model.joint(name).qposadr[0]) for name in ARM_JOINTS]
        self._renderer = MujocoRenderer(MujocoWorld(rig), Quality.BEST)

    def __enter__(self) -> "BoardWorld":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._renderer.close()

    def images(self, q: Float[Array, "7"]) -> dict[str, UInt8[Array, "h w 3"]]:
        """What the cameras see while the arm is at `q` [rad], by their names."""
        return self._renderer.render(self._snapshot(q))

    def beauty(self, q: Float[Array, "7"]) -> UInt8[Array, "h w 3"]:
        """A picture for people."""
        return self._renderer.beauty(self._snapshot(q))

    def _snapshot(self, q: Float[Array, "7"]) -> MujocoSnapshot:
        data = self._data
        data.qpos[self._joints] = q
        mujoco.mj_kinematics(self._model, data)
        mujoco.mj_camlight(self._model, data)
        return MujocoSnapshot(
            model=self._model,
            geom_xpos=data.geom_xpos.copy(),
            geom_xmat=data.geom_xmat.copy(),
            cam_xpos=data.cam_xpos.copy(),
            cam_xmat=data.cam_xmat.copy(),
            state=WorldState(np.asarray(q, float), np.zeros(7), True, 0.08, 0.0),
        )


def _add_board(
    spec: mujoco.MjSpec, board: Board, frame: str, frame_T_board: "Float[Array, '4 4']"
) -> None:
    """A thin plate with the printed picture on its front."""
    margin_px = round(_MARGIN_SQUARES * _SQUARE_PX)
    printed = np.pad(board.image(_SQUARE_PX), margin_px, constant_values=255)
    margin_m = margin_px / _SQUARE_PX * board.square_m
    picture = np.ascontiguousarray(np.repeat(printed[..., None], 3, axis=2))
    texture = spec.add_texture(
        name="board",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        width=picture.shape[1],
        height=picture.shape[0],
        nchannel=3,
    )
    texture.data = picture.tobytes()
    material = spec.add_material(name="board", specular=0.0, shininess=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "board"
    width_m, height_m = board.size_m
    low = np.array([-margin_m, -margin_m])
    high = np.array([width_m + margin_m, height_m + margin_m])
    corners = np.array(
        [[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]
    )
    front = np.column_stack([corners, np.zeros(4)])
    back = np.column_stack([corners, np.full(4, _THICKNESS_M)])
    spec.add_mesh(
        name="board",
        uservert=np.vstack([front, back]).ravel(),
        userface=np.array(_FACES, int).ravel(),
        usertexcoord=np.array([[0, 0], [1, 0], [1, 1], [0, 1]] * 2, float).ravel(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    body = spec.body("world" if frame == "panda_link0" else frame)
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(frame_T_board[:3, :3]).reshape(9))
    body.add_geom(
        name="board",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname="board",
        material="board",
        pos=frame_T_board[:3, 3],
        quat=quaternion,
        contype=0,
        conaffinity=0,
        mass=0.0,
        group=VISUAL_GROUP,
    )


_FACES = (
    *((0, 2, 1), (0, 3, 2)),
    *((4, 5, 6), (4, 6, 7)),
    *((0, 1, 5), (0, 5, 4), (1, 2, 6), (1, 6, 5), (2, 3, 7), (2, 7, 6), (3, 0, 4), (3, 4, 7)),
)
