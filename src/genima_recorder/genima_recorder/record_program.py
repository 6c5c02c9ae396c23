# SPDX-License-Identifier: Apache-2.0
"""`genima record` on ROS's side: joins the terminal, the dialogue and the recorder.

One thread, one loop: messages, keys, drawing.
"""

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rich.console import Console

from genima.errors import GenimaError, InvalidDataset, NotReady
from genima.recording.folder import open_takes
from genima.recording.recording import episode_folders
from genima.recording_ui.dialogue import Dialogue, Wanted
from genima.recording_ui.line_frontend import LineFrontend
from genima.recording_ui.orders import Command, Order
from genima.recording_ui.screen_frontend import ScreenFrontend
from genima.recording_ui.snapshot import RecorderState
from genima_recorder.own_recorder import own_recorder
from genima_recorder.record_client import STATUS_TOPIC, TIME_LIMITS_S, RecordClient
from genima_recorder.recorder_process import RecorderProcess
from genima_ros.program import start_terminal_program

EXIT_TAKE_OPEN, EXIT_REFUSED = 1, 2
#: How long the recorder may take to say something [s]; it first repairs what a killed one left.
_FIRST_STATUS_LIMIT_S = 60.0
#: How long to look for a recorder that runs already [s].
_LOOK_S = 1.0
_SECOND_RECORDER = (
    "a recorder is running already; add --no-launch to use it, or end it and start again"
)
_UNSETTLED = "a take was neither kept nor discarded"
_MESSAGES_S, _KEYS_S = 0.02, 0.05


class RecordProgram:
    """One session of recording.

    Args:
        arguments: As `parse` makes them.
        stop: Set by signals: it is time to end.
    """

    def __init__(self, arguments: argparse.Namespace, stop: threading.Event) -> None:
        self._arguments = arguments
        self._stop = stop
        self._dialogue = Dialogue(
            Wanted(
                task=arguments.task,
                instruction=arguments.instruction,
                episodes=arguments.episodes,
                reset_time_s=arguments.reset_time,
            )
        )
        self._node = Node("record", namespace=arguments.namespace)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._client = RecordClient(
            self._node,
            arguments.task,
            arguments.instruction,
            lambda status: self._dialogue.hear(status, time.monotonic()),
        )
        self._process: RecorderProcess | None = None

    def run(self) -> int:
        """Record until the operator ends it; returns the exit code.

        Raises:
            NotReady: There is no recorder, or one too many.
            InvalidDataset: The recorder refuses the data set, or is busy with another.
        """
        with ExitStack() as stack:
            stack.callback(self._node.destroy_node)
            stack.callback(self._executor.shutdown, timeout_sec=1.0)
            if self._arguments.config_dir:
                recorder = own_recorder(self._arguments)
                self._refuse_second_recorder()
                self._process = stack.enter_context(recorder)
            self._await_recorder()
            self._converse()
            code = self._leave()
        return self._say_goodbye(code)

    def _refuse_second_recorder(self) -> None:
        until_s = time.monotonic() + _LOOK_S
        while time.monotonic() < until_s:
            self._executor.spin_once(timeout_sec=_MESSAGES_S)
            if self._node.count_publishers(STATUS_TOPIC):
                raise NotReady(_SECOND_RECORDER)

    def _await_recorder(self) -> None:
        until_s = time.monotonic() + _FIRST_STATUS_LIMIT_S
        _tell("waiting for the recorder")
        while self._dialogue.state(time.monotonic()) is None:
            self._executor.spin_once(timeout_sec=_KEYS_S)
            if self._stop.is_set():
                return
            if self._process is not None and self._process.ended:
                raise InvalidDataset(self._process.last_words())
            if time.monotonic() > until_s:
                topic = self._node.resolve_topic_name(STATUS_TOPIC)
                raise NotReady(
                    f"no recorder has published {topic} for {_FIRST_STATUS_LIMIT_S:.0f} s; start "
                    "one with genima launch record.launch.xml, or leave --no-launch out"
                )
        if self._process is not None and self._node.count_publishers(STATUS_TOPIC) > 1:
            raise NotReady(_SECOND_RECORDER)
        snapshot = self._dialogue.view(time.monotonic()).snapshot
        if snapshot and Path(snapshot.dataset).resolve() != self._arguments.out.resolve():
            raise InvalidDataset(
                f"the recorder that is running records into {snapshot.dataset}, not into "
                f"{self._arguments.out}; give its folder as --out, or end it"
            )

    def _converse(self) -> None:
        at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        fd = sys.stdin.fileno()
        frontend = (
            ScreenFrontend(self._dialogue, fd, Console())
            if at_terminal
            else LineFrontend(self._dialogue, fd, sys.stdout)
        )
        with frontend:
            while not (self._dialogue.finished or self._stop.is_set()):
                self._step()
                try:
                    order = frontend.turn(time.monotonic(), _KEYS_S)
                except EOFError:
                    return
                self._send(order)

    def _step(self) -> None:
        """Take in what the recorder says."""
        self._executor.spin_once(timeout_sec=_MESSAGES_S)
        answer = self._client.answer(time.monotonic())
        if answer is not None:
            self._dialogue.answer(answer, time.monotonic())
        gone = self._process is not None and self._process.ended
        if gone and self._dialogue.state(time.monotonic()) is not None:
            self._dialogue.lose(
                "the recorder has ended by itself; a take that was open is recovered with --resume"
            )

    def _send(self, order: Order | None) -> None:
        if order is not None:
            self._client.send(order, time.monotonic())

    def _leave(self) -> int:
        """End a take that still runs: nobody watches it any more."""
        state = self._dialogue.state(time.monotonic())
        if state is RecorderState.RECORDING:
            self._send(Order(Command.STOP))
            until_s = time.monotonic() + TIME_LIMITS_S[Command.STOP]
            while time.monotonic() < until_s:
                self._executor.spin_once(timeout_sec=_MESSAGES_S)
                if self._client.answer(time.monotonic()) is not None:
                    break
        gone = self._process is not None and self._process.ended
        return EXIT_TAKE_OPEN if gone or (state and state.open_take) else 0

    def _say_goodbye(self, code: int) -> int:
        """Say what there is; the exit code, which a recorder that ended badly changes."""
        snapshot = self._dialogue.view(time.monotonic()).snapshot
        if self._process is not None:
            was_open = snapshot is not None and snapshot.state.open_take
            return self._say_what_became(self._process, was_open, code)
        if snapshot is not None:
            _tell(f"{snapshot.kept} episodes in {snapshot.dataset}")
        if code:
            _tell(
                f"{_UNSETTLED}; the recorder still holds it: start genima record again, then keep "
                "or discard it"
            )
        return code

    def _say_what_became(self, process: RecorderProcess, was_open: bool, code: int) -> int:
        """The same once a recorder of one's own has ended: the disk tells."""
        out = self._arguments.out
        left = bool(open_takes(out)) and (was_open or not process.ended_well)
        _tell(f"{len(episode_folders(out))} episodes in {out}")
        if left:
            _tell(f"{_UNSETTLED}; what was open is recovered with --resume")
        elif was_open:
            _tell(f"{_UNSETTLED}; it has become an episode without a success label")
        elif code:
            _tell("the recorder has ended by itself; no take was open")
        if (left or not process.ended_well) and process.complaints:
            _tell(f"the recorder said:\n{process.complaints}")
        return EXIT_TAKE_OPEN if left else code


def _tell(text: str) -> None:
    with suppress(OSError):  # the terminal may have been closed
        print(text, file=sys.stderr, flush=True)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Take the command line apart, as `genima record` makes it."""
    parser = argparse.ArgumentParser(prog="record", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--instruction", required=True)
    parser.add_argument("--episodes", type=int, default=0)
    parser.add_argument("--reset-time", type=float, default=0.0)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--namespace", default="")
    parser.add_argument("--config-dir", type=Path, help="starts a recorder with what is there")
    parser.add_argument("parameters", nargs="*", help="name:=value ... of that recorder")
    return parser.parse_args(words)


def main() -> None:
    """Run the program; Ctrl-C is a key, other signals end it in good order."""
    arguments = parse(sys.argv[1:])
    stop = start_terminal_program()
    try:
        code = RecordProgram(arguments, stop).run()
    except GenimaError as error:
        _tell(str(error))
        code = EXIT_REFUSED
    finally:
        rclpy.try_shutdown()
    sys.exit(code)


if __name__ == "__main__":
    main()
