# SPDX-License-Identifier: Apache-2.0
"""Takes one after the other: begun, watched, ended, kept or discarded."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from genima.cameras import CameraRig
from genima.errors import GenimaError, NotReady
from genima.recording.disk import DiskWatch
from genima.recording.episode_info import EpisodeInfo, StreamInfo
from genima.recording.facts import dataset_info, last_instruction
from genima.recording.flow import Flow
from genima.recording.folder import RecordingFolder
from genima.recording.open_take import OpenTake, stream_infos
from genima.recording.session_types import RecorderState, SessionSettings
from genima.recording.stream import Pacing, Stream, StreamSpec

#: Longest wait for the disk when a take ends [s]; a slower one finishes in the background.
_CLOSE_TIMEOUT_S = 10.0
#: And when there is no background any more [s]; launchers give a minute in all.
_LAST_TIMEOUT_S = 30.0
#: What waits for the disk for longer is told of [s]: whoever kills the recorder takes it with it.
_WAITING_S = 0.5
#: A watchdog that itself overslept so long [s] finds messages still queued, not missing.
_OVERSLEPT_S = 0.3
_NS = 1e-9


class RecordingSession:
    """Records takes into a folder. All its methods are called from one thread.

    Args:
        folder: Where to.
        rig: The cameras.
        specs: What is recorded.
        settings: How.
        disk: Watches the folder's disk.

    Raises:
        InvalidDataset: The folder's data set has other cameras.

    Attributes:
        streams: All topics.
        state: What it does.
        discarded: Takes thrown away so far.
    """

    def __init__(
        self,
        folder: RecordingFolder,
        rig: CameraRig,
        specs: Sequence[StreamSpec],
        settings: SessionSettings,
        disk: DiskWatch,
    ) -> None:
        folder.require_same_rig(rig)
        self._folder = folder
        self._rig = rig
        self._settings = settings
        self._disk = disk
        self._encoder = settings.encoder()
        if self._encoder is not None:
            disk.stored_share = math.nan  # which the first take tells
        self._channels = [settings.channel(spec) for spec in specs]
        self._take: OpenTake | None = None
        self._last_info = EpisodeInfo(index=folder.next_index, task="", instruction="")
        self._ticked_ns: int | None = None
        self.streams = [Stream(spec, i) for i, spec in enumerate(specs)]
        self._flow = Flow(self.streams, settings.pacing, settings.lost_after_s)
        self._by_topic = {stream.spec.topic: stream for stream in self.streams}
        self.state = RecorderState.IDLE
        self.discarded = 0

    @property
    def info(self) -> EpisodeInfo:
        """Of the present take; without one, of the last with the index of the next."""
        return self._take.info if self._take else self._last_info

    @property
    def take(self) -> OpenTake | None:
        """The take that is recorded or under review."""
        return self._take

    def reason(self, now_ns: int) -> str:
        """Why a take ended, is in danger or cannot begin, in a sentence; empty if all is well."""
        if self._take is None:
            return self._obstacle(now_ns)
        if self.state is RecorderState.RECORDING:
            return self._take.lag(_WAITING_S, now_ns)
        return self._take.info.ended_because

    def recorded(self, stream: Stream) -> StreamInfo:
        """How a stream does in the present take, or did in the last."""
        if self.state is RecorderState.RECORDING:
            return stream.stats.info()
        streams = self.info.streams
        return streams.get(self._channels[stream.channel].topic, StreamInfo(stream.spec.type))

    def receive(self, topic: str, log_time_ns: int, sent_ns: int, data: bytes) -> None:
        """A message came.

        Args:
            topic: One of the specs.
            log_time_ns: When it came [ns since 1970].
            sent_ns: When it was sent [ns since 1970].
            data: The message in CDR.
        """
        stream = self._by_topic[topic]
        received = stream.read(log_time_ns, sent_ns, data)
        self._disk.add(len(data))
        if self.state is not RecorderState.RECORDING or self._take is None:
            stream.note(received, written=True)
            return
        silent_s = stream.note(received, self._take.write(stream, received, log_time_ns))
        if self._flow.is_hole(stream, silent_s):
            self._end(f"{topic} was silent for {silent_s:.1f} s", log_time_ns)

    def report_lost(self, topic: str, count: int) -> None:
        """The middleware says that so many messages of a topic did not come through."""
        self._by_topic[topic].stats.lose(count)

    def start(self, task: str, instruction: str, otherwise: str, now_ns: int) -> Path:
        """Begin a take; its folder.

        Args:
            task: Short name of the task.
            instruction: What the robot is told; empty: what came last on `instruction`.
            otherwise: The instruction if nothing came there either.
            now_ns: Now [ns since 1970].

        Raises:
            NotReady: A take is open, a required stream is silent, or the disk is full.
            InvalidDataset: What flows does not fit the data set.
        """
        if self.state in (RecorderState.RECORDING, RecorderState.REVIEW):
            doing = "being recorded" if self.state is RecorderState.RECORDING else "under review"
            raise NotReady(f"take {self.info.index} is still {doing}; keep or discard it first")
        if why := self._obstacle(now_ns):
            raise NotReady(why)
        settings = self._settings
        wanted = dataset_info(
            self.streams, settings.image_storage, settings.jpeg_quality, settings.versions
        )
        told = instruction or last_instruction(self.streams) or otherwise
        try:
            self._folder.require_same(wanted, self._rig)
            self._take = self._open(task, told, now_ns)
        except OSError as error:
            raise NotReady(f"cannot record to {self._folder.path}: {error}") from error
        self.state = RecorderState.RECORDING
        for stream in self.streams:
            # What was said before may still hold; a world that waits repeats nothing.
            holds = stream.spec.latched or settings.pacing is Pacing.LOCKSTEP
            if stream.last is not None and holds:
                stream.note(stream.last, self._take.write(stream, stream.last, now_ns))
        return self._take.folder

    def _open(self, task: str, instruction: str, now_ns: int) -> OpenTake:
        for stream in self.streams:
            stream.restart()
        info = EpisodeInfo(
            index=self._folder.next_index,
            task=task,
            instruction=instruction,
            started_s=now_ns * _NS,
            versions=self._settings.versions,
            streams=stream_infos(self._channels, self.streams),
        )
        take = self._folder.new_take(info)
        queue_bytes = self._settings.queue_bytes
        return OpenTake(take, info, self._channels, self.streams, queue_bytes, self._encoder)

    def tick(self, now_ns: int) -> None:
        """Look after the take; to be called about ten times a second."""
        self._disk.tick(now_ns * _NS)
        before_ns, self._ticked_ns = self._ticked_ns or now_ns, now_ns
        if self._take is None:
            return
        if not math.isnan(share := self._take.stored_share):
            self._disk.stored_share = share
        if self.state is RecorderState.RECORDING:
            overslept = (now_ns - before_ns) * _NS > _OVERSLEPT_S
            why = self._take.trouble(now_ns) or self._no_room()
            why = why or self._take.lag(self._settings.waiting_limit_s, now_ns)
            if why := why or ("" if overslept else self._flow.silence(now_ns)):
                self._end(why, now_ns)
        elif self.state is RecorderState.REVIEW:
            self._finish(0.0)

    def _obstacle(self, now_ns: int) -> str:
        """Why a take cannot begin, in a sentence; empty if it can."""
        return self._flow.silence(now_ns) or self._no_room()

    def _no_room(self) -> str:
        try:
            self._disk.require_room()
        except NotReady as error:
            return str(error)
        return ""

    def stop(self, now_ns: int) -> None:
        """End the take.

        Raises:
            NotReady: None is being recorded.
        """
        if self.state is not RecorderState.RECORDING:
            raise NotReady("no take is being recorded; start one first")
        self._end("the operator ended it", now_ns)

    def _end(self, because: str, now_ns: int) -> None:
        assert self._take is not None
        self.state = RecorderState.REVIEW
        self._take.end(because, now_ns)
        self._finish(_CLOSE_TIMEOUT_S)

    def _finish(self, timeout_s: float) -> None:
        assert self._take is not None
        if self._take.finish(timeout_s) and self._take.failed:
            self.state = RecorderState.FAULT

    def keep(self, success: bool | None, note: str, now_ns: int) -> Path:
        """Keep the take, which ends if it has not yet; the folder of the episode.

        Args:
            success: Whether the task was done; None if nobody says.
            note: Of the operator.
            now_ns: Now [ns since 1970].

        Raises:
            NotReady: There is none, or it cannot be kept yet.
        """
        take = self._reviewed("keep", now_ns)
        try:
            folder = self._folder.keep(take.folder, replace(take.info, success=success, note=note))
        except (OSError, GenimaError) as error:
            raise NotReady(
                f"the take cannot be kept yet: {error}; mend that, then keep it"
            ) from error
        self._rest(take)
        return folder

    def discard(self, now_ns: int) -> None:
        """Throw the take away, which ends if it has not yet.

        Raises:
            NotReady: There is none, or it is still being written.
        """
        take = self._reviewed("discard", now_ns)
        try:
            self._folder.discard(take.folder)
        except OSError as error:
            raise NotReady(f"the take cannot be discarded: {error}") from error
        self.discarded += 1
        self._rest(take)

    def _reviewed(self, verb: str, now_ns: int) -> OpenTake:
        if self.state is RecorderState.RECORDING:
            self.stop(now_ns)
        if self.state is not RecorderState.REVIEW or self._take is None:
            raise NotReady(f"there is no take to {verb}; start one first")
        self._finish(_CLOSE_TIMEOUT_S)
        if not self._take.finished:
            raise NotReady(
                f"{self._take.queued_bytes / 1e6:.0f} MB of the take still wait for the disk; "
                f"{verb} it in a moment"
            )
        return self._take

    def _rest(self, take: OpenTake) -> None:
        self._last_info = replace(take.info, index=self._folder.next_index)
        self._take = None
        self.state = RecorderState.IDLE

    def close(self, now_ns: int) -> Path | None:
        """End everything; an open take becomes an episode without a label, whose folder this is.

        Raises:
            NotReady: It could not be; the next start recovers it.
        """
        try:
            if self.state is RecorderState.RECORDING:
                self._end("the recorder was told to stop", now_ns)
            if self.state is not RecorderState.REVIEW:
                return None
            self._finish(_LAST_TIMEOUT_S)
            return self.keep(None, "", now_ns)
        finally:
            if self._encoder is not None:
                self._encoder.close()
            if self._take is None:
                self._folder.release()
            else:  # whoever recovers it now must not find it growing
                self._take.when_closed(self._folder.release)
