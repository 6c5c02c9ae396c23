# SPDX-License-Identifier: Apache-2.0
"""What the doctor finds on this computer, and on folders that stand for others."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml

from genima.doctor.area import Area
from genima.doctor.areas import CHECKS, examine
from genima.doctor.calibration_files import check_calibration
from genima.doctor.computer import Computer
from genima.doctor.dds import check_dds, judge_range, judge_security
from genima.doctor.disk_space import check_disk, judge_space
from genima.doctor.finding import Finding, Verdict
from genima.doctor.gpu import check_gpu, judge_failure, judge_torch
from genima.doctor.intended import Intended, robot_named
from genima.doctor.network import check_network, judge_link, judge_ping, judge_route
from genima.doctor.policy_folder import check_policy, fault_of_weights
from genima.doctor.processor import check_governor, judge_cores
from genima.doctor.python_packages import check_python, judge_python
from genima.doctor.realsense import judge_devices, judge_rules, judge_serials
from genima.doctor.realtime_kernel import check_kernel
from genima.doctor.robot_software import (
    ask_version,
    check_robot_software,
    judge_model,
    judge_silence,
    judge_version,
    parse_answer,
    spoken_version,
)
from genima.doctor.ros import judge_distribution
from genima.doctor.user_limits import check_limits, judge_memory, judge_priority
from genima.errors import InvalidParameter
from genima.limits import RobotModel
from genima.policy import Policy, save_policy
from genima.realsense.devices import DeviceInfo

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config" / "cameras.yaml"
OK, LOOK, MISSING, UNKNOWN = Verdict.OK, Verdict.WARNING, Verdict.MISSING, Verdict.UNKNOWN


def computer(folder: Path, files: dict[str, str] | None = None, **environment: str) -> Computer:
    for name, text in (files or {}).items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Computer(folder, environment)


def verdicts(findings: Iterator[Finding]) -> dict[str, Verdict]:
    return {finding.subject: finding.verdict for finding in findings}


@pytest.mark.parametrize("area", Area)
def test_every_check_runs_on_this_computer_and_ends_in_sentences(area: Area) -> None:
    findings = list(examine(area, Computer(), Intended(robot_ip="127.0.0.1")))
    assert len(findings) >= len(CHECKS[area])
    for finding in findings:
        assert "check itself failed" not in finding.found, finding
        assert finding.found and not finding.found.endswith("."), finding


def test_a_check_that_breaks_is_named_and_does_not_end_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check_broken_thing(_computer: Computer, _intended: Intended) -> Iterator[Finding]:
        yield Finding("before", OK, "all is well")
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr(
        "genima.doctor.areas.CHECKS", {Area.SUITE: (check_broken_thing, check_python)}
    )
    before, broken, *after = examine(Area.SUITE, Computer(), Intended())
    assert before.subject == "before" and after
    assert broken.verdict is UNKNOWN and "RuntimeError: a wheel came off" in broken.found
    assert broken.subject == "broken thing"


def test_a_finding_that_is_not_good_must_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="says what to do"):
        Finding("thing", MISSING, "it is not there")


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10), MISSING), ((3, 12), OK), ((3, 14), LOOK)]
)
def test_python_is_judged_by_its_version(version: tuple[int, int], verdict: Verdict) -> None:
    assert judge_python(version, "x").verdict is verdict


def test_a_package_that_cannot_be_found_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genima.doctor.python_packages._NEEDED", ("numpy", "no_such_module"))
    *_, packages = check_python(Computer(), Intended())
    assert packages.verdict is MISSING and "no_such_module" in packages.found


@pytest.mark.parametrize(("distribution", "verdict"), [("jazzy", OK), ("", OK), ("humble", LOOK)])
def test_another_distribution_of_ros_is_noticed(distribution: str, verdict: Verdict) -> None:
    assert judge_distribution(distribution, "/opt/ros/x/bin/ros2").verdict is verdict


@pytest.mark.parametrize(
    ("environment", "verdict", "words"),
    [
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}, OK, "alone"),
        (
            {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_STATIC_PEERS": "10.0.0.2"},
            OK,
            "10.0.0.2",
        ),
        ({}, LOOK, "not set: everybody in the network can command the arm"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}, LOOK, "everybody"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "localhost"}, MISSING, "'localhost'"),
        ({"ROS_LOCALHOST_ONLY": "1"}, LOOK, "overrules"),
    ],
)
def test_whoever_can_command_the_arm_is_told_of(
    environment: dict[str, str], verdict: Verdict, words: str
) -> None:
    finding = judge_range(environment)
    assert finding.verdict is verdict and words in finding.found


def test_encryption_needs_a_keystore_and_to_be_enforced(tmp_path: Path) -> None:
    on = {"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_KEYSTORE": str(tmp_path)}
    assert judge_security({}).verdict is UNKNOWN
    assert judge_security(on).verdict is MISSING
    (tmp_path / "enclaves").mkdir()
    assert judge_security(on).verdict is LOOK
    assert judge_security(on | {"ROS_SECURITY_STRATEGY": "Enforce"}).verdict is OK


def test_buffers_matter_only_where_other_computers_are_heard(tmp_path: Path) -> None:
    small = {"/proc/sys/net/core/rmem_max": "212992\n"}
    found = verdicts(check_dds(computer(tmp_path, small), Intended()))
    assert found["receive buffer"] is LOOK
    alone = computer(tmp_path, ROS_AUTOMATIC_DISCOVERY_RANGE="LOCALHOST", ROS_DOMAIN_ID="102")
    found = verdicts(check_dds(alone, Intended()))
    assert "receive buffer" not in found and found["domain"] is MISSING


@pytest.mark.parametrize(
    ("version", "realtime", "verdict"),
    [
        ("#1 SMP PREEMPT_RT Tue", "1", OK),
        ("#1 SMP PREEMPT_RT Tue", None, LOOK),
        ("#1 SMP PREEMPT_DYNAMIC", None, MISSING),
    ],
)
def test_a_kernel_is_judged_as_libfranka_does(
    tmp_path: Path, version: str, realtime: str | None, verdict: Verdict
) -> None:
    files = {"/proc/sys/kernel/osrelease": "6.8.1", "/proc/sys/kernel/version": version}
    files |= {"/sys/kernel/realtime": realtime} if realtime else {}
    (finding,) = check_kernel(computer(tmp_path, files), Intended())
    assert finding.verdict is verdict and "6.8.1" in finding.found


def test_limits_of_the_user_are_those_of_this_process() -> None:
    soft = subprocess.run(["bash", "-c", "ulimit -l"], capture_output=True, text=True).stdout
    (_, memory) = check_limits(Computer(), Intended())
    assert soft.strip() in memory.found or memory.found == "no limit"
    assert judge_priority(99).verdict is judge_priority(-1).verdict is OK
    assert judge_priority(95).verdict is MISSING
    assert judge_memory(102400 * 1024).verdict is judge_memory(-1).verdict is OK
    assert judge_memory(8192 * 1024).verdict is MISSING


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("172.16.0.2 dev enp3s0 src 172.16.0.1 uid 0", OK),
        ("172.16.0.2 via 192.168.1.1 dev enp3s0 src 192.168.1.7", LOOK),
        ("RTNETLINK answers: Network is unreachable", MISSING),
    ],
)
def test_a_way_to_the_robot_is_direct(words: str, verdict: Verdict) -> None:
    assert judge_route("172.16.0.2", words).verdict is verdict


@pytest.mark.parametrize(
    ("speed", "wireless", "verdict"),
    [("1000", False, OK), ("100", False, LOOK), ("-1", False, UNKNOWN), (None, True, MISSING)],
)
def test_a_link_to_the_robot_is_fast_and_wired(
    speed: str | None, wireless: bool, verdict: Verdict
) -> None:
    assert judge_link("enp3s0", speed, wireless).verdict is verdict


@pytest.mark.parametrize(
    ("loss", "times", "verdict"),
    [
        ("0%", "0.10/0.15/0.30/0.02", OK),
        ("0%", "0.10/0.15/1.30/0.02", LOOK),
        ("0%", "0.10/0.55/0.90/0.02", LOOK),
        ("2%", "0.10/0.15/0.30/0.02", LOOK),
    ],
)
def test_round_trips_leave_the_robot_its_millisecond(
    loss: str, times: str, verdict: Verdict
) -> None:
    words = f"50 packets transmitted, 50 received, {loss} packet loss, time 1000ms\n"
    words += f"rtt min/avg/max/mdev = {times} ms\n"
    assert judge_ping("172.16.0.2", words).verdict is verdict


def test_a_robot_that_does_not_answer_a_ping_is_missing() -> None:
    words = "50 packets transmitted, 0 received, 100% packet loss, time 1000ms\n"
    assert judge_ping("172.16.0.2", words).verdict is MISSING


@pytest.mark.parametrize("name", ["no such robot", "a" * 300, ""])
def test_a_name_that_is_no_address_is_said_so(name: str) -> None:
    (finding,) = check_network(Computer(), Intended(robot_ip=name))
    assert finding.verdict is (MISSING if name else UNKNOWN)


@contextmanager
def control_box(answer: Callable[[bytes], bytes | None], host: str) -> Iterator[None]:
    """Something that takes one connection at port 1337 and answers its first message."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, 1337))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                words = answer(connection.recv(64))
                if words is not None:
                    connection.sendall(words)
                connection.recv(64)  # until the client has gone

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        thread.join(timeout=10.0)


def panda(request: bytes) -> bytes:
    """A Panda's refusal of a version that it does not speak, as it was seen on a real one."""
    command, number, size = struct.unpack("<III", request[:12])
    version, _port = struct.unpack("<HH", request[12:])
    assert (command, size, version) == (0, len(request), 0)
    return struct.pack("<IIIBH", command, number, 15, 1, 5)


def test_a_panda_says_which_version_it_speaks() -> None:
    with control_box(panda, "127.9.8.7"):
        assert ask_version("127.9.8.7") == 5


def test_the_wheel_of_pip_is_refused_for_a_panda_that_answers() -> None:
    with control_box(panda, "127.9.8.6"):
        (finding,) = check_robot_software(Computer(), Intended(robot_ip="127.9.8.6"))
    assert finding.verdict is MISSING
    assert "the robot speaks 5" in finding.found and "libfranka 0.9.2" in finding.remedy


def test_a_robot_that_is_busy_is_said_to_be_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genima.doctor.robot_software._LIMIT_S", 0.2)
    with control_box(lambda _: None, "127.9.8.5"), pytest.raises(OSError) as caught:
        ask_version("127.9.8.5", limit_s=0.2)
    assert judge_silence("127.9.8.5", caught.value).verdict is LOOK


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n"[:14], b"\x00" * 12])
def test_an_answer_of_something_else_is_not_taken_for_a_version(answer: bytes) -> None:
    with pytest.raises(OSError):
        parse_answer(answer)


def test_the_simulated_arm_says_the_version_of_the_installed_wheel() -> None:
    pytest.importorskip("franky_sim", reason="franky-sim is not installed")
    from genima.franka.simulated import SimulatedArm

    with SimulatedArm() as arm:
        intended = Intended(RobotModel.FR3, robot_ip=arm.host)
        (finding,) = check_robot_software(Computer(), intended)
    assert finding.verdict is OK and "as the robot does" in finding.found


@pytest.mark.parametrize(
    ("library", "version"),
    [((0, 21), 10), ((0, 15), 9), ((0, 9), 5), ((0, 8), 4), ((0, 7), 3), ((0, 2), 2)],
)
def test_versions_of_libfranka_speak_what_frankys_table_says(
    library: tuple[int, int], version: int
) -> None:
    assert spoken_version(library) == version


def test_without_an_address_the_kind_of_arm_decides() -> None:
    assert judge_model(RobotModel.PANDA, 10, "x").verdict is MISSING
    assert judge_model(RobotModel.PANDA, 5, "x").verdict is OK
    assert judge_model(RobotModel.FR3, 5, "x").verdict is MISSING
    assert judge_model(RobotModel.FR3, 9, "x").verdict is OK
    assert "version 9" in judge_version(9, 10, "x").remedy
    assert "activate FCI" in judge_silence("1.2.3.4", ConnectionRefusedError()).remedy


@pytest.mark.parametrize("folder", ["/etc/udev/rules.d", "/usr/lib/udev/rules.d"])
def test_udev_rules_of_librealsense_are_found(tmp_path: Path, folder: str) -> None:
    assert judge_rules(Computer(tmp_path, {})).verdict is MISSING
    there = computer(tmp_path, {f"{folder}/60-librealsense2-udev-rules.rules": ""})
    finding = judge_rules(there)
    assert finding.verdict is OK and finding.found.startswith(folder)


def test_cameras_that_may_not_be_opened_are_told_from_none() -> None:
    (locked,) = judge_devices([], on_the_bus=2)
    (none,) = judge_devices([], on_the_bus=0)
    assert "may not open" in locked.found and "no RealSense" in none.found
    fast, slow = DeviceInfo("D435", "1", "3.2"), DeviceInfo("D435", "2", "2.1")
    assert [f.verdict for f in judge_devices([fast, slow], 2)] == [OK, LOOK]


def test_serial_numbers_are_compared_with_what_is_connected(tmp_path: Path) -> None:
    file = tmp_path / "realsense.yaml"

    def judged(*cameras: str) -> Finding:
        values = {"ros__parameters": {"cameras": list(cameras)}}
        file.write_text(yaml.safe_dump({"/**": values}))
        return judge_serials(file, [DeviceInfo("D435", "831612073525", "3.2")])

    assert judged("front=831612073525").verdict is OK
    assert "wrist" in judged("front=831612073525", "wrist=99").found
    assert "gives none for front" in judged("front=").found
    assert judged("front").verdict is MISSING
    file.write_text("[")
    assert judge_serials(file, []).verdict is MISSING


@pytest.mark.parametrize(
    ("card", "memory_gib", "built_for", "driver", "verdict"),
    [
        ("RTX 4090", 24.0, "12.4", True, OK),
        ("GTX 1650", 4.0, "12.4", True, LOOK),
        ("", 0.0, None, True, MISSING),
        ("", 0.0, "12.4", True, MISSING),
        ("", 0.0, None, False, OK),
    ],
)
def test_a_card_that_pytorch_does_not_use_is_noticed(
    card: str, memory_gib: float, built_for: str | None, driver: bool, verdict: Verdict
) -> None:
    probe = {"version": "2", "built_for": built_for, "card": card, "memory_gib": memory_gib}
    assert judge_torch(probe, driver).verdict is verdict


def test_a_pytorch_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.12: not found')")
    _, finding = check_gpu(computer(tmp_path, PYTHONPATH=str(tmp_path)), Intended())
    assert finding.verdict is MISSING and "libcudart.so.12" in finding.found
    assert judge_failure("").verdict is MISSING


def test_the_example_of_cameras_is_not_taken_for_a_calibration(tmp_path: Path) -> None:
    (shipped,) = check_calibration(Computer(), Intended(cameras_file=EXAMPLE))
    if os.environ.get("AMENT_PREFIX_PATH"):
        assert shipped.verdict is LOOK and "example" in shipped.found
    own = tmp_path / "cameras.yaml"
    own.write_text("# mine\n" + EXAMPLE.read_text())
    found = verdicts(check_calibration(Computer(), Intended(cameras_file=own)))
    assert found.pop("calibration") is OK
    assert len(found) == 4 and set(found.values()) == {OK}


def test_an_old_calibration_is_to_be_checked(tmp_path: Path) -> None:
    own = tmp_path / "cameras.yaml"
    own.write_text("# mine\n" + EXAMPLE.read_text())
    year_ago_s = own.stat().st_mtime - 365 * 86400
    os.utime(own, (year_ago_s, year_ago_s))
    _, *ages = check_calibration(Computer(), Intended(cameras_file=own))
    assert {finding.verdict for finding in ages} == {LOOK}
    assert "365 days old" in ages[0].found


def test_a_calibration_that_cannot_be_read_is_missing(tmp_path: Path) -> None:
    (gone,) = check_calibration(Computer(), Intended(cameras_file=tmp_path / "none.yaml"))
    (not_given,) = check_calibration(Computer(), Intended())
    assert gone.verdict is not_given.verdict is MISSING and "none.yaml" in gone.found


def policy_folder(folder: Path, **changes: object) -> Path:
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    from safetensors.numpy import save_file

    file = folder / "policy.yaml"
    save_policy(Policy(**changes), file)  # type: ignore[arg-type]
    (folder / "controller").mkdir()
    save_file({"w": np.zeros(100)}, folder / "controller" / "model.safetensors")
    return file


def test_a_whole_policy_is_told_with_the_stages_that_it_has(tmp_path: Path) -> None:
    file = policy_folder(tmp_path)
    found = verdicts(check_policy(Computer(), Intended(policy_file=file, cameras_file=EXAMPLE)))
    stages = {"policy's diffusion": UNKNOWN, "policy's controller": OK}
    assert found == {"policy": OK} | stages


def test_a_policy_of_other_cameras_is_refused(tmp_path: Path) -> None:
    names = ("a", "b", "c", "d")
    file = policy_folder(tmp_path, cameras=names, sphere_radii_m=dict.fromkeys(names, 0.05))
    found = verdicts(check_policy(Computer(), Intended(policy_file=file, cameras_file=EXAMPLE)))
    assert found["policy's cameras"] is MISSING


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-10], "bytes, and its header speaks of"),
        (lambda data: data[:20], "cut off"),
        (lambda data: b"", "cut off"),
        (lambda data: data[:8] + b"x" * (len(data) - 8), "header cannot be read"),
        (lambda data: b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)
def test_damaged_weights_are_found_without_loading_them(
    tmp_path: Path, damage: Callable[[bytes], bytes], words: str
) -> None:
    policy_folder(tmp_path)
    weights = tmp_path / "controller" / "model.safetensors"
    assert fault_of_weights(weights) == ""
    weights.write_bytes(damage(weights.read_bytes()))
    assert words in fault_of_weights(weights)


@pytest.mark.parametrize(("free_gb", "verdict"), [(1.0, MISSING), (50.0, LOOK), (900.0, OK)])
def test_room_for_recordings_is_judged(free_gb: float, verdict: Verdict) -> None:
    assert judge_space(Path("/data"), free_gb).verdict is verdict


def test_room_is_looked_for_where_a_folder_would_come_to_be(tmp_path: Path) -> None:
    intended = Intended(data_folder=tmp_path / "not" / "yet")
    (finding,) = check_disk(Computer(), intended)
    assert str(tmp_path) in finding.found


@pytest.mark.parametrize(
    ("governors", "verdict"),
    [(["performance"] * 2, OK), (["performance", "powersave"], LOOK), ([], UNKNOWN)],
)
def test_every_core_must_run_at_full_clock(
    tmp_path: Path, governors: list[str], verdict: Verdict
) -> None:
    base = "/sys/devices/system/cpu"
    files = {f"{base}/cpu{i}/cpufreq/scaling_governor": g for i, g in enumerate(governors)}
    (finding,) = check_governor(computer(tmp_path, files), Intended())
    assert finding.verdict is verdict
    assert judge_cores(2).verdict is LOOK and judge_cores(8).verdict is OK


def test_a_robot_of_another_name_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="'ur5'; give one of panda, fr3"):
        robot_named("ur5")


def run_doctor(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "genima.cli", "doctor", *words],
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_gives_json_and_a_status(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.yaml")
    done = run_doctor("robot", "--json", "--cameras-file", missing)
    report = json.loads(done.stdout)
    assert list(report) == ["robot"] and done.returncode == 1
    (calibration,) = [f for f in report["robot"]["findings"] if f["subject"] == "calibration"]
    assert calibration["verdict"] == "missing" and missing in calibration["found"]
    assert report["robot"]["missing"] >= 1


def test_the_command_line_speaks_of_all_areas_in_whole_sentences() -> None:
    done = run_doctor()
    assert not done.stderr
    for area in Area:
        assert f"{area.value}: {area.purpose}" in done.stdout
    assert "real-time kernel" in done.stdout and "…" not in done.stdout
