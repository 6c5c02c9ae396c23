# SPDX-License-Identifier: Apache-2.0
"""Publishes on /tf what easy_handeye2 looks up: the board in the camera, the hand in the base."""

from pathlib import Path
from typing import Any

from sensor_msgs.msg import CameraInfo, Image, JointState

from genima.cameras import BASE_FRAME
from genima.errors import GenimaError, InvalidParameter, MissingDependency
from genima.handeye.board import Board, load_board
from genima.handeye.capture import camera_of, setup_of
from genima.handeye.tracker import BoardTracker
from genima.kinematics import FRAME_NAMES, JOINT_NAMES, base_T_frame
from genima_recorder.board_tracker_parameters import BoardTrackerParameters
from genima_ros.conversions import image_to_rgb, joint_positions, seconds
from genima_ros.diagnostics import Health, Level
from genima_ros.lifecycle import GenimaNode, run_node
from genima_ros.policies import make_rig
from genima_ros.qos import DIAGNOSTICS, IMAGES, JOINT_STATES, RELIABLE_LATEST
from genima_ros.transforms import transform_message

_TF = "/tf"


class BoardTrackerNode(GenimaNode):
    """One pose of the board for each image in which it is seen, one of the hand a joint state."""

    def __init__(self) -> None:
        super().__init__("board_tracker", BoardTrackerParameters)
        self._tracker: BoardTracker | None = None
        self._seen = False

    def configure(self) -> None:
        """Read camera and board, and connect the topics."""
        p = self.parameters
        self._messages = _transforms()
        self._camera = camera_of(make_rig(p.cameras_file), p.camera)
        self._board = load_board(Path(p.board_file)) if p.board_file else Board()
        if p.effector_frame not in FRAME_NAMES:
            raise InvalidParameter(
                f"parameter 'effector_frame' is {p.effector_frame!r}, which is no frame of the "
                f"robot; use one of {list(FRAME_NAMES)}"
            )
        self._tf = self.advertise(self._messages, _TF, DIAGNOSTICS)
        color = f"{p.camera}/color"
        self.subscribe(CameraInfo, f"{color}/camera_info", self._on_info, RELIABLE_LATEST)
        self.subscribe(Image, f"{color}/image_raw", self._on_image, IMAGES)
        if p.publish_effector:
            self.subscribe(JointState, "joint_states", self._on_joints, JOINT_STATES)
        self.report_health(self._health)

    def cleanup(self) -> None:
        """Forget the camera's lens: another one may come."""
        self._tracker = None
        super().cleanup()

    def _on_info(self, message: CameraInfo) -> None:
        if self._tracker is None:
            try:
                self._tracker = BoardTracker(setup_of(self._camera, message, self._board, ""))
            except GenimaError as error:
                self.complain("camera_info", error)

    def _on_image(self, message: Image) -> None:
        if self._tracker is None:
            return
        try:
            cam_T_board = self._tracker.cam_T_board(image_to_rgb(message))
        except GenimaError as error:
            self.complain("image", error)
            return
        self._seen = cam_T_board is not None
        if cam_T_board is not None:
            stamp_s, frame = seconds(message.header.stamp), self._camera.frame_id
            self._publish(cam_T_board, frame, self.parameters.marker_frame, stamp_s)

    def _on_joints(self, message: JointState) -> None:
        frame = self.parameters.effector_frame
        try:
            base_T_hand = base_T_frame(joint_positions(message, JOINT_NAMES), frame)
        except GenimaError as error:
            self.complain("joint_states", error)
            return
        self._publish(base_T_hand, BASE_FRAME, frame, seconds(message.header.stamp))

    def _publish(self, pose: Any, parent: str, child: str, stamp_s: float) -> None:
        message = transform_message(pose, parent, child, stamp_s)
        self._tf.publish(self._messages(transforms=[message]))

    def _health(self) -> Health:
        said = "the board is seen" if self._seen else "the board is not seen"
        return Health(Level.OK if self._seen else Level.WARN, said)


def _transforms() -> Any:
    """The type of messages on /tf, which ROS's own wheels lack."""
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError as error:
        raise MissingDependency(
            "the board tracker needs tf2_msgs of ROS 2: sudo apt install ros-jazzy-tf2-msgs; "
            "without it calibrate by genima calib capture and solve, which need no /tf"
        ) from error
    return TFMessage


def main() -> None:
    """Run the node until it is told to stop."""
    run_node(BoardTrackerNode)


if __name__ == "__main__":
    main()
