# SPDX-License-Identifier: Apache-2.0
"""Camera subscriptions, driven by hand: messages go straight to the callbacks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image

from genima.arrays import Array, UInt8
from genima.cameras import CameraRig, load_rig
from genima.errors import PolicyError
from genima.intrinsics import Intrinsics
from genima.policy import Policy
from genima_ros.cameras import CameraImages, CameraInfos
from genima_ros.conversions import camera_info, rgb_to_image

POLICY = Policy()
RIG = load_rig(Path(__file__).parents[3] / "config" / "cameras.yaml")
WIDE = Intrinsics(640, 480, 600.0, 600.0, 320.0, 240.0)


class FakeNode:
    """Remembers callbacks and complaints."""

    def __init__(self) -> None:
        self.callbacks: dict[str, Callable[[Any], None]] = {}
        self.complaints: list[str] = []

    def subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], None], qos: object
    ) -> None:
        self.callbacks[topic] = callback

    def complain(self, about: str, error: Exception) -> None:
        self.complaints.append(f"{about}: {error}")

    def info(self, name: str, message: CameraInfo) -> None:
        self.callbacks[f"{name}/color/camera_info"](message)

    def image(self, name: str, message: Image) -> None:
        self.callbacks[f"{name}/color/image_raw"](message)


class Setup:
    def __init__(self) -> None:
        self.node: Any = FakeNode()
        self.rigs: list[CameraRig] = []
        self.images: list[tuple[str, UInt8[Array, "s s 3"], float]] = []
        self.infos = CameraInfos(self.node, POLICY, RIG, self.rigs.append)
        self.pictures = CameraImages(
            self.node,
            POLICY,
            self.infos,
            lambda name, image, stamp_s: self.images.append((name, image, stamp_s)),
            lockstep=False,
        )


@pytest.fixture
def setup() -> Setup:
    return Setup()


def picture(width: int, height: int, encoding: str = "rgb8") -> Image:
    message = rgb_to_image(np.full((height, width, 3), 90, np.uint8), "front", 4.5)
    message.encoding = encoding
    return message


def test_rig_is_given_once_all_cameras_have_reported(setup: Setup) -> None:
    for name in POLICY.cameras[:-1]:
        setup.node.info(name, camera_info(WIDE, name, 0.0))
    assert setup.infos.waiting == [POLICY.cameras[-1]]
    assert setup.rigs == []
    setup.node.info(POLICY.cameras[-1], camera_info(WIDE, "", 0.0))
    assert setup.infos.waiting == []
    intrinsics = setup.rigs[0].cameras["front"].intrinsics
    assert intrinsics == WIDE.square(POLICY.image_size_px)


def test_same_camera_info_again_changes_nothing_and_another_does(setup: Setup) -> None:
    for _ in range(2):
        for name in POLICY.cameras:
            setup.node.info(name, camera_info(WIDE, name, 0.0))
    assert len(setup.rigs) == 1
    setup.node.info("front", camera_info(Intrinsics(640, 480, 700, 700, 320, 240), "", 0.0))
    assert len(setup.rigs) == 2


def test_uncalibrated_camera_is_named_and_waited_for(setup: Setup) -> None:
    setup.node.info("front", CameraInfo())
    assert "camera 'front': camera_info with focal lengths 0.0, 0.0" in setup.node.complaints[0]
    assert "front" in setup.infos.waiting


def test_cameras_that_are_not_the_policys_are_refused_with_both_lists() -> None:
    policy = Policy(cameras=("a", "b", "c", "d"), sphere_radii_m={name: 0.05 for name in "abcd"})
    with pytest.raises(PolicyError, match=r"'a', 'b', 'c', 'd'.*'front', 'left_shoulder'"):
        CameraInfos(FakeNode(), policy, RIG, lambda rig: None)  # type: ignore[arg-type]


def test_image_is_cut_square_and_resized_as_the_policy_sees_it(setup: Setup) -> None:
    setup.node.image("front", picture(640, 480))
    ((name, image, stamp_s),) = setup.images
    assert (name, image.shape, stamp_s) == ("front", (256, 256, 3), 4.5)


def test_image_of_another_size_than_its_camera_info_is_refused(setup: Setup) -> None:
    setup.node.info("front", camera_info(WIDE, "", 0.0))
    setup.node.image("front", picture(320, 240))
    assert setup.images == []
    expected = "camera 'front': sends images of 320x240 px and camera_info for 640x480 px"
    assert setup.pictures.faults[0].startswith(expected)
    assert setup.node.complaints[0].startswith(expected)
    assert setup.pictures.refused == 1


def test_fault_is_forgotten_when_good_images_come_again(setup: Setup) -> None:
    setup.node.image("front", picture(640, 480, "16UC1"))
    assert "16UC1" in setup.pictures.faults[0]
    setup.node.image("wrist", picture(640, 480))
    assert len(setup.pictures.faults) == 1
    setup.node.image("front", picture(640, 480))
    assert setup.pictures.faults == []
    assert [name for name, _, _ in setup.images] == ["wrist", "front"]
