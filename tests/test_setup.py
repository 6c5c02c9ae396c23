# SPDX-License-Identifier: Apache-2.0
"""The set-up: what it checks, what it does again and what it leaves alone."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from workspace import cmake_paths, machine, sourced, venv
from workspace.build import fingerprint
from workspace.errors import SetupError
from workspace.machine import Need
from workspace.steps import Stamp, digest, run_logged

ROOT = Path(__file__).parent.parent


def requirement_names(group: str) -> dict[str, str]:
    """Name and pin of each requirement of a group."""
    lines = (ROOT / "requirements" / f"{group}.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name.lower(): version for name, version in pins}


# --- the machine -----------------------------------------------------------------------------


def test_missing_things_are_named_with_one_command_that_installs_them_all() -> None:
    wanted = [
        Need("a compiler", ("build-essential",), lambda: False),
        Need("make", ("build-essential",), lambda: False),
        Need("EGL", ("libegl1", "libgl1"), lambda: False),
        Need("a keyboard", ("keyboard",), lambda: True),
    ]
    with pytest.raises(SetupError) as caught:
        machine.require(wanted)
    assert str(caught.value) == (
        "This machine lacks a compiler, make, EGL. Install:\n"
        "  sudo apt-get install -y build-essential libegl1 libgl1"
    )


def test_machine_that_has_everything_is_accepted() -> None:
    machine.require([Need("a keyboard", ("keyboard",), lambda: True)])


def tool_folder(folder: Path, *tools: str) -> Path:
    """A folder with links to some of the machine's tools and nothing else."""
    folder.mkdir()
    for tool in tools:
        found = shutil.which(tool)
        assert found, tool
        (folder / tool).symlink_to(found)
    return folder


def test_without_a_python_the_command_to_install_one_is_printed(tmp_path: Path) -> None:
    tools = tool_folder(tmp_path / "bin", "bash", "dirname", "readlink", "grep", "env")
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "tools", checkout / "tools")
    result = subprocess.run(
        [checkout / "tools" / "setup"], env={"PATH": str(tools)}, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert re.fullmatch(
        r"This machine lacks Python 3.11 or 3.12. Install:\n"
        r"  sudo apt-get install -y python3\S* python3\S*-venv python3\S*-dev\n",
        result.stderr,
    )


def test_start_script_stops_with_exit_code_2_where_a_compiler_is_missing(tmp_path: Path) -> None:
    tools = tool_folder(tmp_path / "bin", "bash", "dirname", "readlink", "make", "env")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    shutil.copytree(ROOT / "tools", checkout / "tools")
    shutil.copy(ROOT / "genima", checkout)
    result = subprocess.run(
        [checkout / "genima", "--help"],
        env={"PATH": str(tools), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "lacks a C++ compiler" in result.stderr
    assert "sudo apt-get install -y build-essential" in result.stderr
    assert not (checkout / ".venv").exists()


# --- a machine with ROS 2 --------------------------------------------------------------------


def sourced_checkout(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A checkout, and an environment with programs that stand in for those of ROS 2."""
    checkout = tmp_path / "checkout"
    (checkout / "src").mkdir(parents=True)
    for name in ("tools", "requirements"):
        shutil.copytree(ROOT / name, checkout / name)
    shutil.copy(ROOT / "genima", checkout)
    programs = {
        "ros2": "exit 0",
        "colcon": "echo built >> built; mkdir -p install; "
        "echo 'export PATH=$PATH:$PWD/bin' > install/setup.bash",
        "genima": 'echo "genima $* $MUJOCO_GL"; exit 7',
    }
    (tmp_path / "bin").mkdir()
    for name, body in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return checkout, {"PATH": path, "ROS_DISTRO": "jazzy", "PYTHON": sys.executable}


def test_sourced_ros_is_used_and_no_environment_is_made(tmp_path: Path) -> None:
    checkout, environment = sourced_checkout(tmp_path)
    for _ in range(2):
        result = subprocess.run(
            [checkout / "genima", "launch", "x"], cwd=checkout, env=environment,
            capture_output=True, text=True,
        )  # fmt: skip
        assert (result.returncode, result.stdout) == (7, "genima launch x egl\n"), result.stderr
    assert (checkout / "built").read_text() == "built\n", "built once"
    assert not (checkout / ".venv").exists()


def test_sourced_ros_without_a_needed_module_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sourced, "_exists", lambda module: module != "cv2")
    monkeypatch.setattr(sourced.shutil, "which", lambda _: "/usr/bin/colcon")
    with pytest.raises(
        SetupError, match=r"lacks cv2. Install:\n  sudo apt-get .* python3-opencv$"
    ):
        sourced.set_up_sourced(ROOT)
    monkeypatch.setattr(sourced, "_exists", lambda module: module != "typer")
    with pytest.raises(SetupError, match=r"lacks typer.*\n.*--break-system-packages typer=="):
        sourced.set_up_sourced(ROOT)


# --- steps -----------------------------------------------------------------------------------


def test_step_is_current_only_for_the_inputs_it_was_done_for(tmp_path: Path) -> None:
    path = tmp_path / "stamps" / "step"
    assert not Stamp(path, "one").is_current()
    Stamp(path, "one").set()
    assert Stamp(path, "one").is_current()
    assert not Stamp(path, "two").is_current()
    Stamp(path, "one").clear()
    assert not Stamp(path, "one").is_current()


def test_fingerprint_keeps_parts_apart() -> None:
    assert digest(["ab", "c"]) != digest(["a", "bc"])


def test_failed_step_names_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log" / "step.log"
    with pytest.raises(SetupError, match=rf"Building failed with exit code 3.*{log}"):
        run_logged("Building", ["sh", "-c", "echo why; exit 3"], log, tmp_path, os.environ)
    assert log.read_text() == "why\n"


def test_command_that_does_not_exist_is_a_failed_step(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="exit code 127"):
        run_logged("Building", ["/no/such"], tmp_path / "log", tmp_path, os.environ)


# --- the build -------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    package = tmp_path / "src" / "pkg"
    for name in ("package.xml", "msg/A.msg", "pkg/__init__.py", "pkg/node.py"):
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("old")
    (tmp_path / "launch").mkdir()
    return tmp_path


@pytest.mark.parametrize("file", ["src/pkg/package.xml", "src/pkg/msg/A.msg"])
def test_changed_interface_or_manifest_makes_a_build_necessary(checkout: Path, file: str) -> None:
    before = fingerprint(checkout)
    assert fingerprint(checkout) == before
    (checkout / file).write_text("new")
    assert fingerprint(checkout) != before


@pytest.mark.parametrize(
    "file", ["src/pkg/msg/B.msg", "launch/new.launch.xml", "src/pkg/setup.py"]
)
def test_new_installed_file_makes_a_build_necessary(checkout: Path, file: str) -> None:
    before = fingerprint(checkout)
    (checkout / file).write_text("")
    assert fingerprint(checkout) != before


def test_changed_python_needs_no_build(checkout: Path) -> None:
    before = fingerprint(checkout)
    (checkout / "src/pkg/pkg/node.py").write_text("new")
    (checkout / "src/pkg/pkg/other.py").write_text("new")
    assert fingerprint(checkout) == before


# --- the environment -------------------------------------------------------------------------


def test_environment_installs_what_changed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    ran: list[str] = []
    monkeypatch.setattr(venv, "run_logged", lambda what, *_: ran.append(what))
    environment = venv.Environment(tmp_path)
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()

    assert environment.ensure(["ros", "core"])
    assert ran[:2] == ["Making the Python environment", "Installing ros, core"]
    ran.clear()
    assert not environment.ensure(["ros", "core"])
    assert ran == []

    (tmp_path / "requirements" / "core.txt").write_text("numpy==2.2.6\n")
    assert environment.ensure(["ros", "core", "sim"])
    assert ran[:2] == ["Installing core, sim", "Installing sim without dependencies"]


def test_interrupted_installation_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    environment = venv.Environment(tmp_path)
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()

    def fail_to_install(what: str, *_: object) -> None:
        if what.startswith("Installing"):
            raise SetupError("No network.")

    monkeypatch.setattr(venv, "run_logged", fail_to_install)
    with pytest.raises(SetupError, match="connection to the package index"):
        environment.ensure(["core"])
    ran: list[str] = []
    monkeypatch.setattr(venv, "run_logged", lambda what, *_: ran.append(what))
    assert environment.ensure(["core"])
    assert ran[0] == "Installing core"


def test_paths_of_the_build_machine_are_mended_once(tmp_path: Path) -> None:
    file = tmp_path / "share" / "a" / "b.cmake"
    file.parent.mkdir(parents=True)
    file.write_text(
        '"/opt/python/cp312-cp312/include/python3.12;'
        '/opt/python/cp312-cp312/lib/python3.12/site-packages/numpy/_core/include"'
    )
    assert cmake_paths.mend_files(tmp_path, "/v/include", "/v/lib") == 1
    assert file.read_text() == '"/v/include;/v/lib/numpy/_core/include"'
    assert cmake_paths.mend_files(tmp_path, "/v/include", "/v/lib") == 0


# --- requirements ----------------------------------------------------------------------------


def test_every_requirement_is_pinned_and_stands_in_one_group() -> None:
    seen: dict[str, str] = {}
    for path in (ROOT / "requirements").glob("*.txt"):
        for name, version in requirement_names(path.stem).items():
            assert re.fullmatch(r"[0-9][0-9a-z.]*", version), name
            assert name not in seen, f"{name} is in {seen.get(name)} and {path.stem}"
            seen[name] = path.stem


def test_ros_comes_from_jazzy_wheels_only() -> None:
    for group in ("ros", "build"):
        for name in requirement_names(group):
            assert not name.startswith("ros-") or name.startswith("ros-jazzy-")


def test_library_asks_for_what_the_core_group_pins() -> None:
    setup = (ROOT / "src" / "genima" / "setup.cfg").read_text()
    asked = re.search(r"install_requires =\n((?:    .+\n)+)", setup)
    assert asked
    names = {re.split(r"[<>=]", line.strip())[0].lower() for line in asked.group(1).splitlines()}
    assert names == set(requirement_names("core"))


def test_scripts_can_be_executed() -> None:
    for name in ("genima", "tools/setup", ".ci/run"):
        assert (ROOT / name).stat().st_mode & stat.S_IXUSR, name


def test_no_package_index_is_named() -> None:
    files = [*(ROOT / "requirements").iterdir(), *(ROOT / "tools").rglob("*.py")]
    for path in files:
        assert "://" not in path.read_text(), path
