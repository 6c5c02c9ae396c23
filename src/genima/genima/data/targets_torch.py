# SPDX-License-Identifier: Apache-2.0
"""Data sets for PyTorch that draw targets on the fly, so that no drawn copy is needed on disk.

Everything random about an item follows from (seed, epoch, index), whichever worker makes it and
however many there are. Items hold arrays of the demonstrations only; images stay on disk, and
pictures for backgrounds in a file that all workers map.
"""

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from genima.arrays import Array, UInt8
from genima.cameras import Camera
from genima.data.backgrounds import Backgrounds
from genima.data.demonstration import Demonstration, Frames
from genima.data.drawing import draw_on_backgrounds, draw_on_observed, observed, tiles_of
from genima.data.targets import Window, Windows
from genima.data.textures import TextureBank
from genima.intrinsics import square_image
from genima.policy import Policy

Item = dict[str, Any]
#: Changes a window before it is drawn: another start, spheres left out in some cameras.
Vary = Callable[[Window, np.random.Generator], Window]
#: What else an item holds of a window in the views of its cameras.
Describe = Callable[[Window, Sequence[Camera]], Item]


class WindowDataset(Dataset[Item]):
    """The windows of many demonstrations, one after the other; base of those below.

    Args:
        demonstrations: All of one policy.
        policy: Cameras, sizes, K.
        seed: Of everything random.
    """

    def __init__(
        self, demonstrations: Sequence[Demonstration], policy: Policy, seed: int = 0
    ) -> None:
        self._windows = [Windows(demonstration, policy) for demonstration in demonstrations]
        self._descriptions = [demonstration.descriptions for demonstration in demonstrations]
        self._ends = list(accumulate(map(len, self._windows)))
        self._policy = policy
        self._seed = seed
        # In shared memory, because workers may outlive an epoch.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        _keep_to_one_thread()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _keep_to_one_thread()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def set_epoch(self, epoch: int) -> None:
        """Another epoch, other chances. Call it before the loader's iteration begins."""
        self._epoch[0] = epoch

    def _locate(self, index: int) -> tuple[int, int]:
        """Demonstration and step of an item."""
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        episode = bisect_right(self._ends, index)
        return episode, index - (self._ends[episode - 1] if episode else 0)

    def _rng(self, index: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, int(self._epoch[0]), index])

    def _instruction(self, episode: int, rng: np.random.Generator) -> str:
        descriptions = self._descriptions[episode]
        return descriptions[rng.integers(len(descriptions))]


class ObservationTargets(WindowDataset):
    """For the diffusion agent: what the cameras saw, without and with the target's spheres.

    Items: `tile` and `target`, uint8 of shape (3, 2s, 2s); `instruction`, any of its wordings.
    """

    def __init__(
        self, demonstrations: Sequence[Demonstration], policy: Policy, seed: int = 0
    ) -> None:
        super().__init__(demonstrations, policy, seed)
        self._frames = _frames(demonstrations, policy)

    def __getitem__(self, index: int) -> Item:
        episode, step = self._locate(index)
        windows = self._windows[episode]
        window = windows[step]
        tiles = tiles_of(self._frames[episode], step, window, windows.cameras, self._policy)
        tile, target = _planes(tiles, 2)
        return {
            "tile": tile,
            "target": target,
            "instruction": self._instruction(episode, self._rng(index)),
        }


class ControllerWindows(WindowDataset):
    """For the controller: views of the policy's cameras, and the actions that follow; a base.

    Items: `images`, uint8 (4, 3, s, s) in the policy's order of cameras; `q` (7,) [rad],
    `gripper_open`; `q_chunk` (K, 7) [rad], `gripper_chunk` (K,), `padded` (K,), true past the
    demonstration's end; `instruction`, any of its wordings; and what `describe` adds.

    Args:
        demonstrations: All of one policy.
        policy: Cameras, sizes, K.
        seed: Of everything random.
        vary: Changes each window before it is drawn; must be picklable for spawned workers.
        describe: Adds to an item, from the window that was drawn; picklable likewise.
        size_px: Side of the items' images, shrunk by area; 0 for the policy's.
    """

    def __init__(
        self,
        demonstrations: Sequence[Demonstration],
        policy: Policy,
        seed: int = 0,
        vary: Vary | None = None,
        describe: Describe | None = None,
        size_px: int = 0,
    ) -> None:
        super().__init__(demonstrations, policy, seed)
        self._vary, self._describe = vary, describe
        self._size_px = size_px or policy.image_size_px

    def __getitem__(self, index: int) -> Item:
        episode, step = self._locate(index)
        rng = self._rng(index)
        cameras = self._windows[episode].cameras
        window = self._windows[episode][step]
        if self._vary is not None:
            window = self._vary(window, rng)
        images = self._draw(window, episode, step, rng)
        item = {
            "images": _planes((square_image(image, self._size_px) for image in images), 4),
            "q": torch.from_numpy(window.q.astype(np.float32)),
            "gripper_open": torch.tensor(window.gripper_open),
            "q_chunk": torch.from_numpy(window.q_chunk.astype(np.float32)),
            "gripper_chunk": torch.tensor(window.gripper_chunk),
            "padded": torch.tensor(window.padded),
            "instruction": self._instruction(episode, rng),
        }
        return item if self._describe is None else item | self._describe(window, cameras)

    @abstractmethod
    def _draw(
        self, window: Window, episode: int, step: int, rng: np.random.Generator
    ) -> Iterable[UInt8[Array, "s s 3"]]:
        """One picture for each camera of the policy."""


class RandomBackgroundTargets(ControllerWindows):
    """The target's spheres on random backgrounds; images of demonstrations are not looked at.

    Args:
        bank: Pictures for the backgrounds.
    """

    def __init__(
        self,
        demonstrations: Sequence[Demonstration],
        policy: Policy,
        bank: TextureBank,
        seed: int = 0,
        vary: Vary | None = None,
        describe: Describe | None = None,
        size_px: int = 0,
    ) -> None:
        super().__init__(demonstrations, policy, seed, vary, describe, size_px)
        self._backgrounds = Backgrounds(bank, policy.image_size_px)

    def _draw(
        self, window: Window, episode: int, step: int, rng: np.random.Generator
    ) -> Iterable[UInt8[Array, "s s 3"]]:
        cameras = self._windows[episode].cameras
        return draw_on_backgrounds(window, cameras, self._policy, self._backgrounds, rng)


class ObservedWindows(ControllerWindows):
    """What the cameras saw, with the target's spheres in it or without: the paper's ablations.

    Args:
        spheres: Whether spheres are drawn.
    """

    def __init__(
        self,
        demonstrations: Sequence[Demonstration],
        policy: Policy,
        spheres: bool,
        seed: int = 0,
        vary: Vary | None = None,
        describe: Describe | None = None,
        size_px: int = 0,
    ) -> None:
        super().__init__(demonstrations, policy, seed, vary, describe, size_px)
        self._spheres = spheres
        self._frames = _frames(demonstrations, policy)

    def _draw(
        self, window: Window, episode: int, step: int, rng: np.random.Generator
    ) -> Iterable[UInt8[Array, "s s 3"]]:
        cameras = self._windows[episode].cameras
        images = observed(self._frames[episode], step, cameras)
        if self._spheres:
            images = draw_on_observed(images, window, cameras, self._policy)
        return [images[name] for name in self._policy.cameras]


def _keep_to_one_thread() -> None:
    """Before workers are forked, who could wait for OpenCV's threads for ever, or in a new one."""
    cv2.setNumThreads(1)


def _frames(demonstrations: Sequence[Demonstration], policy: Policy) -> list[dict[str, Frames]]:
    """The images of the policy's cameras; a demonstration itself cannot be pickled."""
    return [{name: demo.images[name] for name in policy.cameras} for demo in demonstrations]


def _planes(images: Iterable[UInt8[Array, "h w 3"]], count: int) -> Tensor:
    """Images with their channels first, as networks take them."""
    planes = None
    for i, image in enumerate(images):
        if planes is None:
            planes = torch.empty((count, 3, *image.shape[:2]), dtype=torch.uint8)
        cv2.split(image, list(planes.numpy()[i]))
    assert planes is not None
    return planes
