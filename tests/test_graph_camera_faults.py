# SPDX-License-Identifier: Apache-2.0
"""Cameras that send what they should not: one clear sentence, no tile, and recovery."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from genima_msgs.msg import TargetTile
from genima_msgs.srv import QueryExpert
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String

from genima.evaluation.domain import claim_domain
from genima.intrinsics import Intrinsics
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.policy import Policy
from genima_ros.conversions import camera_info, joint_state, rgb_to_image, seconds
from genima_ros.qos import (
    IMAGE_PUBLISHER,
    JOINT_STATES_PUBLISHER,
    LATCHED,
    RELIABLE_LATEST,
)

from .node_graph import NodeGraph

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(
        not os.environ.get("AMENT_PREFIX_PATH"), reason="the workspace is not built and sourced"
    ),
]

CAMERAS = Policy().cameras
INTRINSICS = Intrinsics(256, 256, 250.0, 250.0, 128.0, 128.0)
PICTURE = np.full((256, 256, 3), 120, np.uint8)
OK, ERROR = DiagnosticStatus.OK, DiagnosticStatus.ERROR


class FakeRobot:
    """Four cameras, an arm that stands and an expert that wants it to; each can be spoilt."""

    def __init__(self, graph: NodeGraph) -> None:
        node = self._node = graph.node
        self.spoilt: dict[str, str] = {}
        self.tiles: list[TargetTile] = []
        self._frozen_s = 0.0
        self._images = {
            name: node.create_publisher(Image, f"{name}/color/image_raw", IMAGE_PUBLISHER)
            for name in CAMERAS
        }
        self._infos = {
            name: node.create_publisher(CameraInfo, f"{name}/color/camera_info", RELIABLE_LATEST)
            for name in CAMERAS
        }
        self._joints = node.create_publisher(JointState, "joint_states", JOINT_STATES_PUBLISHER)
        self._instruction = node.create_publisher(String, "instruction", LATCHED)
        self._instruction.publish(String(data="stay where you are"))
        node.create_service(QueryExpert, "query_expert", self._on_query)
        node.create_subscription(TargetTile, "target_tile", self.tiles.append, RELIABLE_LATEST)
        node.create_timer(0.1, self._publish)

    def now_s(self) -> float:
        return self._node.get_clock().now().nanoseconds * 1e-9

    def spoil(self, camera: str, how: str) -> None:
        self._frozen_s = self.now_s()
        self.spoilt = {camera: how}

    def _publish(self) -> None:
        now_s = self.now_s()
        self._joints.publish(joint_state(JOINT_NAMES, np.array(Q_HOME), np.zeros(7), now_s))
        for name in CAMERAS:
            self._infos[name].publish(camera_info(INTRINSICS, name, now_s))
            image = self._image(name, now_s)
            if image is not None:
                self._images[name].publish(image)

    def _image(self, name: str, now_s: float) -> Image | None:
        how = self.spoilt.get(name, "")
        if how == "missing":
            return None
        picture = PICTURE[:128, :128] if how == "small" else PICTURE
        message = rgb_to_image(picture, name, self._frozen_s if how == "frozen" else now_s)
        if how == "encoding":
            message.encoding = "16UC1"
        if how == "short":
            message.data = message.data[:1000]
        if "late" in self.spoilt.values():
            message.header.stamp.sec -= 5
        if how == "future":
            message.header.stamp.sec += 3600
        return message

    def _on_query(
        self, request: QueryExpert.Request, response: QueryExpert.Response
    ) -> QueryExpert.Response:
        q = np.array(Q_HOME)
        response.q_now = q
        response.q = np.tile(q, request.horizon_steps).tolist()
        response.gripper_open = [True] * request.horizon_steps
        response.success = True
        return response


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeGraph]:
    with claim_domain() as domain:
        graph = NodeGraph(tmp_path_factory.mktemp("cameras"), domain, "realtime")
        graph.start("diffusion", max_image_age_s=1.0)
        yield graph
        graph.close()


@pytest.fixture(scope="module")
def robot(graph: NodeGraph) -> FakeRobot:
    return FakeRobot(graph)


def require_tiles(graph: NodeGraph, robot: FakeRobot) -> None:
    """New tiles come, drawn on images from now on."""
    now_s = robot.now_s()
    graph.until(
        lambda: robot.tiles and seconds(robot.tiles[-1].header.stamp) > now_s, "a new tile"
    )


def sentence(camera: str, how: str) -> str:
    return {
        "encoding": f"camera '{camera}': image encoding '16UC1' needs cv_bridge",
        "small": f"camera '{camera}': sends images of 128x128 px and camera_info for 256x256 px",
        "short": f"camera '{camera}': rgb8 image of 256x256 with step 768 and 1000 bytes",
        "missing": f"camera '{camera}' has sent nothing for",
        "frozen": f"camera '{camera}' sends the picture of",
        "late": "images are 5.",
        "future": f"camera '{camera}' sends a picture that is stamped in the future",
    }[how]


def test_good_cameras_give_tiles(graph: NodeGraph, robot: FakeRobot) -> None:
    require_tiles(graph, robot)
    graph.until_health("diffusion", OK, "stay where you are")


@pytest.mark.parametrize(
    ("camera", "how"),
    [
        ("front", "encoding"),
        ("wrist", "small"),
        ("left_shoulder", "short"),
        ("right_shoulder", "missing"),
        ("front", "frozen"),
        ("wrist", "future"),
        ("all", "late"),
    ],
)
def test_spoilt_camera_is_named_and_all_goes_on_when_it_is_well(
    graph: NodeGraph, robot: FakeRobot, camera: str, how: str
) -> None:
    if how == "encoding" and find_spec("cv_bridge"):
        pytest.skip("cv_bridge is installed and may read this encoding")
    robot.spoil(camera, how)
    spoilt_s = robot.now_s()
    graph.until_health("diffusion", ERROR, sentence(camera, how))
    assert all(seconds(tile.header.stamp) <= spoilt_s + 0.2 for tile in robot.tiles)
    robot.spoilt = {}
    require_tiles(graph, robot)
    graph.until_health("diffusion", OK)
    assert "Traceback" not in graph.log("diffusion")


def test_refused_images_are_in_the_log(graph: NodeGraph) -> None:
    log = graph.log("diffusion")
    for camera, how in (("wrist", "small"), ("left_shoulder", "short")):
        assert sentence(camera, how) in log
