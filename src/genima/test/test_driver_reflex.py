# SPDX-License-Identifier: Apache-2.0
"""The driver with a simulated arm that stops by reflexes, as `franka-sim` does with its limits on.

It pins another NumPy than we use, so that it needs an environment of its own:

    python3 -m venv .venv-franka-sim && .venv-franka-sim/bin/pip install franka-sim==1.1.7
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from genima.driver import DriverCause, DriverState
from genima.errors import NotReady

from .driver_cases import PATIENCE_S, Driver

franky = pytest.importorskip("franky", reason="franky-control is not installed")
franky_sim = pytest.importorskip("franky_sim", reason="franky-sim is not installed")

PYTHON = Path(
    os.environ.get("FRANKA_SIM_PYTHON", Path(__file__).parents[3] / ".venv-franka-sim/bin/python")
)
pytestmark = pytest.mark.skipif(
    not PYTHON.exists(),
    reason=f"franka-sim is not installed in {PYTHON}; see the head of this file",
)
HOST = f"127.{os.getpid() // 250 % 250 + 1}.{os.getpid() % 250 + 1}.253"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("franka_sim")
    script = Path(__file__).with_name("franka_sim_server.py")
    assets = Path(franky_sim.__file__).parent / "assets"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [PYTHON, script, HOST, assets, folder], env=environment, stdout=log, stderr=log
        )
    try:
        end_s = time.monotonic() + PATIENCE_S
        while not _listens():
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end_s, (folder / "log").read_text()
            time.sleep(0.2)
        yield HOST
    finally:
        server.kill()
        server.wait()


def _listens() -> bool:
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    address = f"{int.from_bytes(socket.inet_aton(HOST), 'little'):08X}:0539"
    return any(row.split()[1] == address and row.split()[3] == "0A" for row in rows)


def provoke_a_reflex(driver: Driver) -> None:
    """Ask for what no FR3 does: franky's own limits are those of a Panda, which are wider."""
    robot = driver.robot.arm._robot
    robot.relative_dynamics_factor = 1.0
    away = np.array(robot.current_joint_positions) + np.array([0.5, 0, 0, 0, 0, 0.5, 0])
    with suppress(franky.Exception):
        robot.move(franky.JointMotion(away))


def test_a_reflex_is_told_of_needs_a_recovery_and_is_over_then(host: str) -> None:
    driver = Driver(host)
    driver.open()
    provoke_a_reflex(driver)
    driver.until_state(DriverState.HALTED)
    assert driver.cause is DriverCause.REFLEX
    assert "stopped by a reflex; see what it touched, then recover" in driver.reason
    with pytest.raises(NotReady, match="stopped by a reflex"):
        driver.session.home().result()
    refusals = driver.stream()
    driver.until(lambda: refusals, "a refusal")
    driver.end_stream()
    assert "stopped by a reflex" in refusals[0] and not driver.robot.arm.engaged
    driver.session.recover().result()
    assert (driver.state, driver.reason) == (DriverState.IDLE, "")
    refusals = driver.stream()
    before = driver.robot.arm.reading.q[0]
    driver.until(lambda: abs(driver.robot.arm.reading.q[0] - before) > 0.1, "motion")
    assert driver.state is DriverState.FOLLOWING
    driver.close()


def test_what_the_driver_commands_is_within_what_the_arm_bears(host: str) -> None:
    driver = Driver(host)
    driver.open()
    driver.stream(speed_rad_s=1.0)
    driver.until_state(DriverState.FOLLOWING)
    driver.until(lambda: abs(driver.robot.arm.reading.dq[0]) > 0.6, "speed")
    driver.session.halt(DriverCause.ORDERED, "hold was called")
    driver.until(lambda: driver.session.at_rest, "rest")
    assert (driver.cause, driver.robot.arm.fault) == (DriverCause.ORDERED, "")
    driver.end_stream()
    driver.close()
