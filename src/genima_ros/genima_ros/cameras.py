# SPDX-License-Identifier: Apache-2.0
"""Subscriptions to the cameras of a policy, the same in every node that sees."""

from collections.abc import Callable
from functools import partial

from sensor_msgs.msg import CameraInfo, Image

from genima.arrays import Array, UInt8
from genima.cameras import CameraRig, square_image
from genima.errors import GenimaError, InvalidImage
from genima.policy import Policy
from genima_ros.conversions import image_to_rgb, intrinsics_of, seconds
from genima_ros.lifecycle import GenimaNode
from genima_ros.qos import IMAGES, IMAGES_LOCKSTEP, RELIABLE_LATEST


class CameraInfos:
    """Keeps a rig's intrinsics as the cameras report them, squared as the policy sees them.

    Args:
        node: Subscribes.
        policy: Names the cameras and their image size.
        rig: Where the cameras are; its own intrinsics are replaced.
        on_change: Called with the squared rig once all have reported, and when one changes.
    """

    def __init__(
        self,
        node: GenimaNode,
        policy: Policy,
        rig: CameraRig,
        on_change: Callable[[CameraRig], None],
    ) -> None:
        policy.require_cameras(list(rig.cameras))
        self._node = node
        self._size_px = policy.image_size_px
        self._rig = rig
        self._on_change = on_change
        self._waiting = set(policy.cameras)
        self._last: dict[str, list[float]] = {}
        self._sizes_px: dict[str, tuple[int, int]] = {}
        for name in policy.cameras:
            topic = f"{name}/color/camera_info"
            node.subscribe(CameraInfo, topic, partial(self._take, name), RELIABLE_LATEST)

    @property
    def waiting(self) -> list[str]:
        """Cameras that have not reported yet."""
        return sorted(self._waiting)

    def require_size(self, name: str, width: int, height: int) -> None:
        """Refuse an image of another size than its camera_info speaks of: K would not fit it.

        Raises:
            InvalidImage: The sizes differ.
        """
        size = self._sizes_px.get(name, (width, height))
        if (width, height) != size:
            raise InvalidImage(
                f"sends images of {width}x{height} px and camera_info for {size[0]}x{size[1]} px; "
                "set both to the same size in its driver"
            )

    def _take(self, name: str, message: CameraInfo) -> None:
        key = [message.width, message.height, *message.k, *message.d]
        if self._last.get(name) == key:
            return
        try:
            intrinsics = intrinsics_of(message).square(self._size_px)
        except GenimaError as error:
            self._node.complain(f"camera {name!r}", error)
            return
        self._last[name] = key
        self._sizes_px[name] = message.width, message.height
        self._rig = self._rig.with_intrinsics(name, intrinsics)
        self._waiting.discard(name)
        if not self._waiting:
            self._on_change(self._rig)


class CameraImages:
    """Receives images, cropped square and resized as the policy sees them.

    Args:
        node: Subscribes.
        policy: Names the cameras and their image size.
        infos: What the cameras say of themselves.
        on_image: Called with the camera's name, the image and its stamp [s].
        lockstep: The cameras are those of a world that waits.
    """

    def __init__(
        self,
        node: GenimaNode,
        policy: Policy,
        infos: CameraInfos,
        on_image: Callable[[str, UInt8[Array, "s s 3"], float], None],
        lockstep: bool,
    ) -> None:
        self._node = node
        self._size_px = policy.image_size_px
        self._infos = infos
        self._on_image = on_image
        self._faults: dict[str, str] = {}
        self.refused = 0
        qos = IMAGES_LOCKSTEP if lockstep else IMAGES
        for name in policy.cameras:
            node.subscribe(Image, f"{name}/color/image_raw", partial(self._take, name), qos)

    @property
    def faults(self) -> list[str]:
        """What is wrong with the newest image of each camera, in sentences."""
        return [f"camera {name!r}: {fault}" for name, fault in self._faults.items()]

    def _take(self, name: str, message: Image) -> None:
        try:
            image = image_to_rgb(message)
            self._infos.require_size(name, message.width, message.height)
            image = square_image(image, self._size_px)
        except GenimaError as error:
            self.refused += 1
            self._faults[name] = str(error)
            self._node.complain(f"camera {name!r}", error)
            return
        self._faults.pop(name, None)
        self._on_image(name, image, seconds(message.header.stamp))
