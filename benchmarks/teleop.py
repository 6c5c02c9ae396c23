# SPDX-License-Identifier: Apache-2.0
"""How closely a follower mirrors a leader: two simulated arms, no ROS, no network but loopback.

Run it on an otherwise idle machine:

    python benchmarks/teleop.py

Each arm is a `franky-sim` process. The leader is moved by its own tracker with the follower's
gains, all joints along sines of different lengths, the fastest joint at up to --speed; what is
mirrored is its measured position. Both arms are sampled at the ticks of the loop: the error is
leader minus follower at the same time, so that it holds the delay of the whole chain.

A simulated arm does not wait for its torques. On a busy machine, where simulated time passes more
slowly than it should, they come too late and stiff joints swing: such figures say nothing.
"""

import argparse
import threading
import time

import numpy as np

from genima.franka.arm_and_hand import ArmAndHand
from genima.franka.simulated import SimulatedArm
from genima.franka.types import ArmSettings, HoldingGains, ImpedanceGains, RealtimeKernel
from genima.limits import RobotModel
from genima.teleop.leaders import ArmLeader
from genima.teleop.session import TeleopSession, Tick
from genima.teleop.types import TeleopParameters, TeleopState
from genima.timing import DeadlineLoop

#: Of the sines of the joints [s], and how far each joint goes compared with joint 1.
_PERIODS_S = np.array([4.0, 5.0, 6.0, 4.5, 5.5, 5.0, 3.5])
_SETTLE_S = 2.0


class DrivenLeader(ArmLeader):
    """A leader that no hand moves: it follows sines."""

    def __init__(self, side: ArmAndHand, period_s: float, speed_rad_s: float) -> None:
        super().__init__(side, period_s)
        self._arm = side.arm
        self._step_s = period_s
        self._amplitude = speed_rad_s * _PERIODS_S / (2.0 * np.pi)
        self._amplitude *= np.array([1.0, 0.8, 0.9, 0.8, 1.0, 0.9, 1.0])
        self.stopping = threading.Event()
        self._steps = 0

    def engage(self) -> None:
        """Hold it, and begin to move it."""
        self._q0 = self._arm.engage(ImpedanceGains(), self._step_s)
        self._thread = threading.Thread(target=self._drive, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Bring it to rest."""
        self.stopping.set()
        self._thread.join()
        super().release()

    def _drive(self) -> None:
        DeadlineLoop(self._step_s).run(self._move, self.stopping.is_set)

    def _move(self) -> None:
        self._steps += 1
        t_s = self._steps * self._step_s
        ramp = min(t_s / _SETTLE_S, 1.0)
        self._arm.command(self._q0 + ramp * self._amplitude * np.sin(2 * np.pi * t_s / _PERIODS_S))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=100.0, help="of the mirror [Hz]")
    parser.add_argument("--speed", type=float, default=0.5, help="of the fastest joint [rad/s]")
    arguments = parser.parse_args()
    period_s = 1.0 / arguments.rate
    with SimulatedArm() as first, SimulatedArm() as second:
        leader, follower = (
            ArmAndHand(
                ArmSettings(name, arm.host, RobotModel.FR3, RealtimeKernel.IGNORE), has_hand=False
            )
            for name, arm in (("leader", first), ("follower", second))
        )
        driven = DrivenLeader(leader, period_s, arguments.speed)
        parameters = TeleopParameters(period_s=period_s)
        session = TeleopSession(driven, follower, parameters, HoldingGains(), raise_it)
        try:
            ticks = measure(session, period_s, arguments.seconds)
        finally:
            session.end()
            session.close()
        report(ticks, arguments)


def measure(session: TeleopSession, period_s: float, seconds: float) -> list[Tick]:
    """Mirror for some seconds."""
    session.connect()
    session.begin()
    session.start()
    loop, ticks = DeadlineLoop(period_s), []
    end_s = time.monotonic() + _SETTLE_S + seconds
    used_s = time.process_time()
    loop.run(lambda: ticks.append(session.tick()), lambda: time.monotonic() > end_s)
    share = (time.process_time() - used_s) / (_SETTLE_S + seconds)
    state, reason = session.status.state, session.status.reason
    if state is not TeleopState.MIRRORING:
        raise SystemExit(f"it did not mirror to the end: {state.name}, {reason}")
    session.stop("the end")
    DeadlineLoop(period_s).run(session.tick, lambda: session.at_rest)
    print(
        f"{loop.overruns} of {len(ticks)} deadlines were skipped; {share:.2f} of a core was used"
    )
    return [tick for tick in ticks if tick.now_s > end_s - seconds]


def report(ticks: list[Tick], arguments: argparse.Namespace) -> None:
    """Print the figures as a Markdown table."""
    error = np.abs([tick.leader.q - tick.follower.q for tick in ticks])
    sent = np.abs([tick.leader.q - tick.sent.q for tick in ticks])
    times_s = np.array([tick.now_s for tick in ticks])
    elapsed_s = times_s[-1] - times_s[0]
    # Each 0.1 s, so that the grain of the readings does not count as speed.
    coarse = slice(None, None, max(round(0.1 * arguments.rate), 1))
    speed = np.gradient([tick.leader.q for tick in ticks[coarse]], times_s[coarse], axis=0)
    simulated = np.array([tick.leader.dq for tick in ticks[coarse]])
    pace = (speed * simulated).sum() / (simulated**2).sum()
    speed = np.abs(speed)
    rows = {
        "rate asked for, reached [Hz]": f"{arguments.rate:g}, {(len(ticks) - 1) / elapsed_s:.1f}",
        "leader's speed, mean, max [rad/s]": f"{speed.mean():.2f}, {speed.max():.2f}",
        "simulated time per time": f"{pace:.2f}",
        "joint error, mean [rad]": f"{error.mean():.4f}",
        "worst joint's error, mean [rad]": f"{error.max(axis=1).mean():.4f}",
        "joint error, max [rad]": f"{error.max():.4f}",
        "leader minus command, mean [rad]": f"{sent.mean():.4f}",
    }
    print(f"| {elapsed_s:.0f} s | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")


def raise_it(error: Exception) -> None:
    raise error


if __name__ == "__main__":
    main()
