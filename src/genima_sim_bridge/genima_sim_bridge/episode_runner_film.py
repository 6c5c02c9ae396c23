# SPDX-License-Identifier: Apache-2.0
"""The video of an episode; where it cannot be written it is lost, and not the episode with it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from genima.arrays import Array, UInt8
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.plan import EpisodeKey
from genima.evaluation.video import VIDEO_ERRORS, Caption, Outcome, VideoWriter, compose_frame
from genima.policy import Policy

#: How long the last frame of a video stays [frames].
_LAST_FRAMES = 16

Views = Mapping[str, UInt8[Array, "s s 3"]]
Tile = UInt8[Array, "t t 3"] | None


class EpisodeFilm:
    """Films an episode.

    Args:
        folder: Where the video goes.
        policy: Names the cameras and the length of a step.
        key: Which episode.
        instruction: What the arm is told.
        complain: Told why there will be no video.
    """

    def __init__(
        self,
        folder: EvaluationFolder,
        policy: Policy,
        key: EpisodeKey,
        instruction: str,
        complain: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._policy = policy
        self._key = key
        self._instruction = instruction
        self._complain = complain
        self._path = folder.unfinished_video_file(key)
        self._step = -1
        self._views: Views = {}
        self._writer: VideoWriter | None = None
        with self._writing():
            self._writer = VideoWriter(self._path, round(1.0 / policy.step_s))

    def has_shown(self, step: int) -> bool:
        """Whether nothing up to a policy step is to come."""
        return self._writer is None or self._step >= step

    def show(self, views: Views, tile: Tile, step: int) -> None:
        """Add a frame; one from before the episode or the newest frame is left out."""
        if self._writer is None or step <= self._step:
            return
        self._step, self._views = step, views
        with self._writing():
            self._writer.write(self._compose(tile, Outcome.RUNNING), step)

    def finish(self, tile: Tile, success: bool) -> None:
        """Complete the video."""
        if self._writer is None or self._step < 0:  # the cameras never came
            self.drop()
            return
        with self._writing():
            outcome = Outcome.SUCCESS if success else Outcome.FAILURE
            self._writer.hold(self._compose(tile, outcome), _LAST_FRAMES)
            self._writer.close()
            self._path.replace(self._folder.video_file(self._key, success))

    def drop(self) -> None:
        """Leave no video."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(*VIDEO_ERRORS):
                writer.close()
        self._path.unlink(missing_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except VIDEO_ERRORS as error:
            self._complain(f"no video of {self._key.task} {self._key.seed}: {error}")
            self.drop()

    def _compose(self, tile: Tile, outcome: Outcome) -> UInt8[Array, "h w 3"]:
        caption = Caption(self._key.task, self._key.seed, self._instruction, self._step, outcome)
        return compose_frame(self._views, tile, self._policy.cameras, caption)
