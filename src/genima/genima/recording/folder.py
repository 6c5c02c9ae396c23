# SPDX-License-Identifier: Apache-2.0
"""The folder of a data set while takes are recorded into it."""

import fcntl
import shutil
from dataclasses import replace
from pathlib import Path

from genima.cameras import CameraRig, load_rig
from genima.errors import InvalidDataset, NotReady
from genima.files import sync_folder
from genima.recording.dataset import (
    CAMERAS_FILE,
    DATASET_FILE,
    DatasetInfo,
    differences,
    read_dataset,
    rig_differences,
    write_dataset,
)
from genima.recording.episode_info import EpisodeInfo, write_info
from genima.recording.recording import MCAP_FILE, episode_folder, episode_folders
from genima.recording.recovery import recover
from genima.recording.rosbag_metadata import write_metadata

_TAKE_PATTERN = "take_*.part"
_DISCARDED_PREFIX = ".discarded_"


def open_takes(path: Path) -> list[Path]:
    """Folders of takes that are open, or that a recorder has left so."""
    return sorted(path.glob(_TAKE_PATTERN))


class RecordingFolder:
    """Takes a data set for one recorder: open takes become episodes, or vanish.

    A take is a folder that is renamed when it is kept. So at any moment a kill leaves earlier
    episodes as they are, and at most one open take, which is recovered here.

    Args:
        path: The data set; made if it does not exist.
        resume: Whether to go on with a data set that is there already.

    Raises:
        NotReady: The folder cannot be written, is in use, or holds a data set and `resume` is
            false.

    Attributes:
        recovered: Episodes that were made of takes that a killed recorder had left open.
    """

    def __init__(self, path: Path, resume: bool) -> None:
        self.path = path
        if not resume and ((path / DATASET_FILE).exists() or open_takes(path)):
            raise NotReady(
                f"{path} holds a data set of {len(episode_folders(path))} episodes already; "
                "resume it with --resume, or name another folder"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise NotReady(
                f"another recorder is writing to {path}; end it or name another folder"
            ) from None
        except OSError as error:
            raise NotReady(
                f"cannot record to {path}: {error.strerror}; name another folder"
            ) from error
        try:
            self.recovered = self._recover()
        except OSError as error:
            self.release()
            raise NotReady(
                f"the open take in {path} cannot be recovered: {error}; mend that and start "
                "again, nothing of it is lost"
            ) from error

    def _recover(self) -> list[Path]:
        for left_over in self.path.glob(f"{_DISCARDED_PREFIX}*"):
            shutil.rmtree(left_over)
        found = []
        for take in open_takes(self.path):
            info = recover(take)
            if info is None:
                shutil.rmtree(take)
            else:
                found.append(self.keep(take, info))
        return found

    def release(self) -> None:
        """Let another recorder have the folder."""
        self._lock.close()

    @property
    def episodes(self) -> int:
        """How many episodes are kept."""
        return len(episode_folders(self.path))

    @property
    def next_index(self) -> int:
        """Index of the episode to come."""
        folders = episode_folders(self.path)
        return int(folders[-1].name.rpartition("_")[2]) + 1 if folders else 0

    def require_same(self, wanted: DatasetInfo, rig: CameraRig) -> None:
        """Refuse what does not fit the data set; begin the data set if there is none.

        Raises:
            InvalidDataset: A camera, its calibration, a rate, a joint or the storage differs.
            OSError: A new data set cannot be written.
        """
        if not (self.path / DATASET_FILE).exists():
            write_dataset(self.path, wanted, rig)
            return
        lines = differences(read_dataset(self.path), wanted)
        self._require_none(lines + rig_differences(load_rig(self.path / CAMERAS_FILE), rig))

    def require_same_rig(self, rig: CameraRig) -> None:
        """As `require_same`, of what is known before anything flows.

        Raises:
            InvalidDataset: The data set has other cameras, or they stand elsewhere.
        """
        if not (self.path / DATASET_FILE).exists():
            return
        stored = load_rig(self.path / CAMERAS_FILE)
        lines = rig_differences(stored, rig)
        if stored.cameras.keys() != rig.cameras.keys():
            lines.append(f"cameras: {sorted(stored.cameras)} before, {sorted(rig.cameras)} now")
        self._require_none(lines)

    def _require_none(self, lines: list[str]) -> None:
        if lines:
            raise InvalidDataset(
                f"{self.path} was recorded otherwise, so nothing is added to it: "
                f"{'; '.join(lines)}; set it as before, or record to another folder"
            )

    def new_take(self, info: EpisodeInfo) -> Path:
        """Make the folder of a take."""
        number = info.index
        while (take := self.path / f"take_{number:06d}.part").exists():
            number += 1  # one that could not be closed waits for the next start
        take.mkdir()
        write_info(take, info)
        sync_folder(self.path)
        return take

    def keep(self, take: Path, info: EpisodeInfo) -> Path:
        """Make an episode of a take whose file is closed; its folder."""
        info = replace(info, index=self.next_index)
        write_metadata(take / MCAP_FILE)
        write_info(take, info)
        folder = episode_folder(self.path, info.index)
        take.rename(folder)
        sync_folder(self.path)
        return folder

    def discard(self, take: Path) -> None:
        """Throw a take away."""
        if not take.exists():
            return  # somebody else has thrown it away
        # Renamed first: half of it must not come back as recovered.
        doomed = take.rename(take.with_name(f"{_DISCARDED_PREFIX}{take.stem}"))
        shutil.rmtree(doomed, ignore_errors=True)  # the next start removes what cannot go now
