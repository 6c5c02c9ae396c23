# SPDX-License-Identifier: Apache-2.0
"""What the recorder does, as a message."""

import math

from genima_msgs.msg import RecorderStatus, StreamStatus

from genima.recording.disk import DiskWatch
from genima.recording.folder import RecordingFolder
from genima.recording.session import RecordingSession
from genima.recording.session_types import RecorderState
from genima.recording.stream import Stream
from genima_ros.conversions import time_message


def status_message(
    session: RecordingSession, folder: RecordingFolder, disk: DiskWatch, now_ns: int
) -> RecorderStatus:
    """The status of a session that records into a folder on a disk."""
    left_s = disk.left_s
    message = RecorderStatus(
        state=session.state.value,
        reason=session.reason(now_ns),
        dataset=str(folder.path),
        task=session.info.task,
        instruction=session.info.instruction,
        episode=session.info.index,
        kept=folder.episodes,
        discarded=session.discarded,
        recovered=len(folder.recovered),
        duration_s=_duration_s(session, now_ns),
        written_bytes=session.take.written_bytes if session.take else 0,
        disk_free_bytes=disk.free_bytes,
        disk_left_s=-1.0 if math.isnan(left_s) else left_s,
        queue_bytes=session.take.queued_bytes if session.take else 0,
        streams=[_stream_status(session, stream, now_ns) for stream in session.streams],
    )
    message.header.stamp = time_message(now_ns * 1e-9)
    return message


def _duration_s(session: RecordingSession, now_ns: int) -> float:
    info = session.info
    if session.state is RecorderState.RECORDING:
        return now_ns * 1e-9 - info.started_s
    return 0.0 if math.isnan(info.ended_s) else info.ended_s - info.started_s


def _stream_status(session: RecordingSession, stream: Stream, now_ns: int) -> StreamStatus:
    recorded = session.recorded(stream)
    age_s = stream.age_s(now_ns)
    return StreamStatus(
        topic=stream.spec.topic,
        type=stream.spec.type,
        received=recorded.count,
        lost=recorded.lost,
        gaps=recorded.gap_count,
        rate_hz=stream.stats.present_rate_hz,
        jitter_s=stream.stats.jitter_s,
        age_s=-1.0 if math.isinf(age_s) else age_s,
        required=stream.spec.required,
    )
