# SPDX-License-Identifier: Apache-2.0
"""How well the driver follows, how surely it halts, and whether it lasts: on a simulated arm.

Run it on an otherwise idle machine, the last in a shell with `source tools/environment.bash`:

    python benchmarks/driver.py tracking    # 60 s
    python benchmarks/driver.py halt        # 50 random moments, 10 minutes
    python benchmarks/driver.py soak        # the whole graph, 30 minutes

`tracking` and `halt` drive a `franky-sim` process through the driver's library, with trajectories
at 50 Hz as the controller sends them. A simulated arm does not wait for its torques: on a busy
machine they come too late, and stiff joints swing. `simulated time per time` says how far that
goes.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genima.driver import DriverCause, DriverParameters, DriverSession, DriverState
from genima.driver.types import DriverTick, Trajectory
from genima.errors import GenimaError
from genima.franka import ArmSettings, HoldingGains, RealtimeKernel
from genima.franka.arm_and_hand import ArmAndHand
from genima.franka.simulated import SimulatedArm
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.limits import RobotModel, limits_of
from genima.timing import DeadlineLoop

LIMITS = limits_of(RobotModel.FR3)
#: Points of a trajectory lie so far ahead of its stamp [s].
AHEAD_S = np.array([0.02, 0.04, 0.06])
#: A joint that is slower stands [rad/s], once all have been slower for so long [s].
STANDS_RAD_S, STANDS_S = 0.03, 0.1
#: What is promised: rest by then after the last trajectory, and the braking time on top [s].
PROMISED_S = 0.5


@dataclass(frozen=True)
class Waves:
    """Each joint along a sine of its own around home; begins at rest.

    Attributes:
        amplitude_rad: Of each joint [rad].
        period_s: Of each joint [s].
        ramp_s: Time in which they grow to full size [s].
    """

    amplitude_rad: np.ndarray
    period_s: np.ndarray
    ramp_s: float

    def at(self, t_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities at times since the beginning."""
        t = np.asarray(t_s, float)[..., None]
        size, growth = (
            np.clip(t / self.ramp_s, 0, 1),
            np.where(t < self.ramp_s, 1 / self.ramp_s, 0),
        )
        w = 2.0 * np.pi / self.period_s
        wave = self.amplitude_rad * np.sin(w * t)
        return Q_HOME + size * wave, growth * wave + size * self.amplitude_rad * w * np.cos(w * t)


class Bench:
    """A driver at home, its control thread, and what each tick saw."""

    def __init__(self, host: str, parameters: DriverParameters) -> None:
        settings = ArmSettings("arm", host, RobotModel.FR3, RealtimeKernel.IGNORE)
        self.parameters = parameters
        self.session = DriverSession(
            ArmAndHand(settings, has_hand=False), parameters, HoldingGains(), Q_HOME, raise_it
        )
        self.ticks: list[DriverTick] = []
        self.refusals: list[str] = []
        self._ending = threading.Event()
        self.loop = DeadlineLoop(parameters.period_s)
        self.session.open().result()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Bring the arm to rest and disconnect."""
        self.session.halt(DriverCause.ORDERED, "the end")
        self.wait(lambda: self.session.at_rest)
        self._ending.set()
        self._thread.join()
        self.session.close()

    def go_home(self) -> None:
        """Begin anew at home."""
        try:
            self.session.recover().result()
            self.session.home().result()
        except GenimaError as error:
            raise SystemExit(f"it does not go home: {error}") from error
        self.wait(lambda: self.session.status.state in (DriverState.HOLDING, DriverState.HALTED))
        if (status := self.session.status).state is DriverState.HALTED:
            raise SystemExit(f"it does not go home (is the machine busy?): {status.reason}")
        time.sleep(0.5)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds."""
        end_s = time.monotonic() + 60.0
        while not condition():
            time.sleep(0.005)
            if time.monotonic() > end_s:
                raise SystemExit(f"it takes too long: {self.session.status}")

    def stream(self, waves: Waves, seconds: float) -> float:
        """Send trajectories for some seconds; returns when the first was sent [s]."""
        began_s = time.monotonic()

        def send() -> None:
            now_s = time.monotonic()
            q, dq = waves.at(now_s - began_s + AHEAD_S)
            try:
                self.session.follow(Trajectory(now_s, JOINT_NAMES, AHEAD_S, q, dq))
            except GenimaError as error:
                self.refusals.append(str(error))

        DeadlineLoop(0.02).run(send, lambda: time.monotonic() - began_s > seconds)
        return began_s

    def _run(self) -> None:
        self.loop.run(lambda: self.ticks.append(self.session.tick()), self._ending.is_set)


def tracking(bench: Bench, arguments: argparse.Namespace) -> dict[str, str]:
    """A 0.25 Hz sine of 0.3 rad on joints 1, 4 and 6."""
    joints = [0, 3, 5]
    amplitude = np.zeros(7)
    amplitude[joints] = 0.3
    waves = Waves(amplitude, np.full(7, 4.0), ramp_s=4.0)
    bench.go_home()
    began_s = bench.stream(waves, arguments.seconds + 4.0)
    if (status := bench.session.status).state is not DriverState.FOLLOWING:
        raise SystemExit(f"it did not follow to the end: {status}")
    ticks = [tick for tick in bench.ticks if began_s + 4.0 < tick.now_s <= time.monotonic()]
    stamps_s = np.array([tick.reading.stamp_s for tick in ticks])
    q = np.array([tick.reading.q for tick in ticks])
    error = np.abs(q - waves.at(stamps_s - began_s)[0])[:, joints]
    sent = np.abs(
        np.array([tick.q for tick in ticks])
        - waves.at(np.array([tick.now_s for tick in ticks]) - began_s)[0]
    )[:, joints]
    return {
        "joint error, mean [rad]": f"{error.mean():.4f}",
        "joint error, max [rad]": f"{error.max():.4f}",
        "of the command, mean [rad]": f"{sent.mean():.5f}",
        "simulated time per time": f"{pace(ticks):.2f}",
        "trajectories refused": f"{len(bench.refusals)} {bench.refusals[:1]}",
    }


def halt(bench: Bench, arguments: argparse.Namespace) -> dict[str, str]:
    """Trajectories stop at random moments of motions at the full speed that the driver allows."""
    rng = np.random.default_rng(arguments.seed)
    share = bench.parameters.velocity_fraction
    still, braked, spare_s, beyond = [], [], [], 0
    speeds, measured = [], []
    for _ in range(arguments.moments):
        bench.go_home()
        period_s = rng.uniform(1.2, 2.2, 7)
        # Full speed in the middle of each sine, and four fifths of the acceleration at its ends.
        w = 2.0 * np.pi / period_s
        accelerates = 0.8 * bench.parameters.acceleration_fraction * LIMITS.ddq_max / w**2
        amplitude = np.minimum(share * LIMITS.dq_max / w, accelerates)
        amplitude = np.minimum(amplitude, 0.9 * room(bench.parameters))
        waves = Waves(amplitude * rng.choice([-1.0, 1.0], 7), period_s, ramp_s=3.0)
        first = len(bench.ticks)
        bench.stream(waves, 3.2 + rng.uniform(0.0, 2.0))
        ended_s = time.monotonic()
        bench.wait(lambda end_s=ended_s: time.monotonic() - end_s > 2.0)
        ticks = bench.ticks[first:]
        command, arm = motion_of(ticks, ended_s)
        at_end = np.abs(command.dq_at_end)
        braking_s = float(
            np.max(at_end / (LIMITS.ddq_max * bench.parameters.acceleration_fraction))
        )
        speeds.append(float((at_end / LIMITS.dq_max).max()))
        still.append(arm.still_s)
        braked.append(command.still_s)
        spare_s.append(PROMISED_S + braking_s - arm.still_s)
        beyond += exceeds(ticks, bench.parameters.period_s)
        measured.append(float((arm.dq_max / LIMITS.dq_max).max()))
        bench.ticks = bench.ticks[-10:]
    return {
        "halts": f"{len(still)}, cause of the last: {bench.session.status.cause.name}",
        "fastest joint when they stopped, share of its limit, mean, max": (
            f"{np.mean(speeds):.2f}, {np.max(speeds):.2f}"
        ),
        "command stands after, mean, max [s]": f"{np.mean(braked):.2f}, {np.max(braked):.2f}",
        "arm stands after, mean, max [s]": f"{np.mean(still):.2f}, {np.max(still):.2f}",
        "later than 0.5 s and the braking time; time to spare, least, mean [s]": (
            f"{np.sum(np.array(spare_s) < 0)}; {np.min(spare_s):.2f}, {np.mean(spare_s):.2f}"
        ),
        "halts with a command beyond a limit": f"{beyond}",
        "measured speed, share of the limit, max": f"{np.max(measured):.2f}",
        "trajectories refused": f"{len(bench.refusals)} {bench.refusals[:1]}",
    }


@dataclass(frozen=True)
class Ending:
    """How a motion came to rest.

    Attributes:
        still_s: Time from the last trajectory to rest [s]; infinite if it never rested.
        dq_at_end: Velocities when the last trajectory came [rad/s].
        dq_max: Highest speeds of the whole motion [rad/s].
    """

    still_s: float
    dq_at_end: np.ndarray
    dq_max: np.ndarray


def motion_of(ticks: list[DriverTick], ended_s: float) -> tuple[Ending, Ending]:
    """How command and arm came to rest after `ended_s`."""
    held = [tick for tick in ticks if tick.q is not None]
    times_s = np.array([tick.now_s for tick in held])
    commanded = np.gradient([tick.q for tick in held], times_s, axis=0)
    stamps_s = np.array([tick.reading.stamp_s for tick in held])
    measured = np.array([tick.reading.dq for tick in held])
    return _ending(times_s, commanded, ended_s), _ending(stamps_s, measured, ended_s)


def _ending(times_s: np.ndarray, dq: np.ndarray, ended_s: float) -> Ending:
    moving = np.abs(dq).max(axis=1) > STANDS_RAD_S
    after = times_s[moving & (times_s > ended_s)]
    last_s = after[-1] if len(after) else ended_s
    rested = times_s[-1] - last_s > STANDS_S
    before = dq[np.searchsorted(times_s, ended_s) - 1]
    return Ending(last_s - ended_s if rested else np.inf, before, np.abs(dq).max(axis=0))


def exceeds(ticks: list[DriverTick], h: float) -> bool:
    """Whether some command left the limits of the robot; differences are those of the ticks."""
    q = np.array([tick.q for tick in ticks if tick.q is not None])
    dq = np.diff(q, axis=0) / h
    ddq = np.diff(dq, axis=0) / h
    dddq = np.diff(ddq, axis=0) / h
    pairs = ((dq, LIMITS.dq_max), (ddq, LIMITS.ddq_max), (dddq, LIMITS.dddq_max))
    inside = all((np.abs(values) <= limit * (1.0 + 1e-6)).all() for values, limit in pairs)
    return not (inside and LIMITS.within(q).all())


def room(parameters: DriverParameters) -> np.ndarray:
    """How far each joint may go from home [rad]."""
    return (
        np.minimum(LIMITS.q_max - Q_HOME, Q_HOME - LIMITS.q_min) - parameters.position_margin_rad
    )


def pace(ticks: list[DriverTick]) -> float:
    """Simulated time per time, from measured velocities and the change of positions."""
    coarse = ticks[::10]
    times_s = np.array([tick.reading.stamp_s for tick in coarse])
    speed = np.gradient([tick.reading.q for tick in coarse], times_s, axis=0)
    simulated = np.array([tick.reading.dq for tick in coarse])
    return float((speed * simulated).sum() / (simulated**2).sum())


def raise_it(error: Exception) -> None:
    raise error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = parser.add_subparsers(dest="mode", required=True)
    for name, seconds in (("tracking", 60.0), ("halt", 0.0)):
        mode = modes.add_parser(name)
        mode.add_argument("--rate", type=float, default=100.0, help="of commands [Hz]")
        if seconds:
            mode.add_argument("--seconds", type=float, default=seconds)
        else:
            mode.add_argument("--moments", type=int, default=50)
            mode.add_argument("--seed", type=int, default=0)
    soaking = modes.add_parser("soak")
    soaking.add_argument("--minutes", type=float, default=30.0)
    soaking.add_argument("--settle-minutes", type=float, default=5.0)
    soaking.add_argument("--image-quality", default="fast", choices=("fast", "shadows"))
    arguments = parser.parse_args()
    if arguments.mode == "soak":
        sys.path.insert(0, str(Path(__file__).parent.parent))  # for the helpers of the tests
        from driver_soak import soak

        raise SystemExit(soak(arguments))
    measure = {"tracking": tracking, "halt": halt}[arguments.mode]
    parameters = DriverParameters(period_s=1.0 / arguments.rate)
    with SimulatedArm() as arm:
        bench = Bench(arm.host, parameters)
        used_s, began_s = time.process_time(), time.monotonic()
        try:
            rows = measure(bench, arguments)
        finally:
            bench.close()
        rows["processor time per time"] = (
            f"{(time.process_time() - used_s) / (time.monotonic() - began_s):.2f}"
        )
        rows["ticks skipped"] = f"{bench.loop.overruns} of {bench.loop.lateness.count}"
    print(f"| {arguments.mode} | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
