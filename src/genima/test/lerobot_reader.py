# SPDX-License-Identifier: Apache-2.0
"""Reads a LeRobotDataset with LeRobot's own class, and writes down what it got.

A program of its own, because it must stand in for torchvision first, which LeRobot imports and
which does not work with every build of torch. What stands in is the decoder of videos only, of
the same behaviour; all else that runs is LeRobot's.

    python lerobot_reader.py DATASET RESULT.npz
"""

import importlib.machinery
import json
import os
import sys
import types
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import av
import numpy as np
import torch


class VideoReader:
    """As torchvision.io.VideoReader: seeks to the keyframe before a time, then gives frames."""

    def __init__(self, path: str, stream: str) -> None:
        assert stream == "video"
        self.container = av.open(path)
        self._stream = self.container.streams.video[0]

    def seek(self, time_s: float, keyframes_only: bool) -> None:
        assert keyframes_only
        at = round(time_s / self._stream.time_base)
        self.container.seek(at, stream=self._stream, backward=True)

    def __iter__(self):
        for frame in self.container.decode(self._stream):
            pixels = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
            yield {"data": pixels, "pts": float(frame.pts * frame.time_base)}


def stand_in_for_torchvision() -> None:
    names = ("torchvision", "torchvision.transforms", "torchvision.io")
    modules = {name: types.ModuleType(name) for name in names}
    for name, module in modules.items():
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    whole = modules["torchvision"]
    whole.transforms, whole.io = modules["torchvision.transforms"], modules["torchvision.io"]
    whole.io.VideoReader = VideoReader
    whole.set_video_backend = lambda name: None
    sys.modules.update(modules)


def main() -> None:
    stand_in_for_torchvision()
    from ledataset.datasets.lerobot_dataset import LeRobotDataset

    root, result = Path(sys.argv[1]), Path(sys.argv[2])
    data = LeRobotDataset("local/test", root=root, video_backend="pyav")
    items = [data[i] for i in range(len(data))]
    columns = {key: [] for key in items[0]}
    for item in items:
        for key, value in item.items():
            columns[key].append(np.asarray(value))
    arrays = {key: np.stack(values) for key, values in columns.items()}
    # A chunk of actions as a policy would ask for it, at the end of the first episode.
    chunk = {"action": [0.0, 0.05, 0.1], "observation.images.front": [-0.05, 0.0]}
    later = LeRobotDataset("local/test", root=root, video_backend="pyav", delta_timestamps=chunk)
    last = later[int(later.meta.episodes[0]["length"]) - 1]
    arrays["chunk"], arrays["chunk_is_pad"] = last["action"].numpy(), last["action_is_pad"].numpy()
    arrays["two_images"] = last["observation.images.front"].numpy()
    second = LeRobotDataset("local/test", root=root, episodes=[1], video_backend="pyav")
    arrays["second_episode_state"] = second[0]["observation.state"].numpy()
    np.savez(result, **arrays)
    facts = {
        "episodes": data.num_episodes,
        "fps": data.fps,
        "robot_type": data.meta.robot_type,
        "names": data.meta.names["observation.state"],
        "tasks": list(data.meta.tasks.index),
        "mean": data.meta.stats["action"]["mean"].tolist(),
        "image_mean": data.meta.stats["observation.images.front"]["mean"].tolist(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
