# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of an RLBench: a sentence for each thing that is missing."""

import sys
from pathlib import Path

import pytest

from genima.doctor.area import Area
from genima.doctor.areas import examine
from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, Verdict
from genima.doctor.intended import Intended
from genima.doctor.rlbench import (
    check_coppeliasim,
    check_display,
    check_rlbench_cameras,
    check_rlbench_python,
    judge_imports,
)

from .rlbench_world_cases import python_path

OK, LOOK, MISSING, UNKNOWN = Verdict.OK, Verdict.WARNING, Verdict.MISSING, Verdict.UNKNOWN


def coppeliasim(folder: Path, *files: str) -> Path:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("CoppeliaSim V4.1.0")
    return folder


def by_subject(findings: object) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}  # type: ignore[attr-defined]


WHOLE = ("libcoppeliaSim.so", "platforms/libqxcb.so", "readme.txt")


@pytest.mark.parametrize(
    ("files", "subject", "verdict", "words"),
    [
        ((), "CoppeliaSim", MISSING, "has no libcoppeliaSim.so"),
        (WHOLE, "CoppeliaSim", OK, ""),
        (WHOLE[:2], "CoppeliaSim", UNKNOWN, "needs version 4.1.0"),
        (WHOLE, "Qt plugin", OK, "libqxcb.so"),
        (WHOLE[:1], "Qt plugin", MISSING, "platforms/libqxcb.so"),
        (WHOLE, "LD_LIBRARY_PATH", OK, "alone"),
    ],
)
def test_folder_of_coppeliasim_is_looked_through(
    tmp_path: Path, files: tuple[str, ...], subject: str, verdict: Verdict, words: str
) -> None:
    computer = Computer(tmp_path, {"COPPELIASIM_ROOT": str(coppeliasim(tmp_path, *files))})
    finding = by_subject(check_coppeliasim(computer, Intended()))[subject]
    assert finding.verdict is verdict and words in finding.found


@pytest.mark.parametrize("root", ["", "/nowhere/coppeliasim"])
def test_without_coppeliasim_its_download_is_named(tmp_path: Path, root: str) -> None:
    (finding,) = check_coppeliasim(Computer(tmp_path, {"COPPELIASIM_ROOT": root}), Intended())
    assert finding.verdict is MISSING and "V4_1_0_Ubuntu20_04" in finding.remedy


@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH"])
def test_variable_that_harms_other_programs_is_noticed(tmp_path: Path, variable: str) -> None:
    root = str(coppeliasim(tmp_path, *WHOLE))
    environment = {"COPPELIASIM_ROOT": root, variable: f"/opt/lib:{root}"}
    finding = by_subject(check_coppeliasim(Computer(tmp_path, environment), Intended()))[variable]
    assert finding.verdict is LOOK and "RViz" in finding.found


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("", "GENIMA_RLBENCH_PYTHON is not set"),
        ("/nowhere/python", "no program"),
        ("/bin/false", "says: nothing"),
    ],
)
def test_python_that_does_not_run_is_named(tmp_path: Path, python: str, words: str) -> None:
    environment = {"GENIMA_RLBENCH_PYTHON": python, "COPPELIASIM_ROOT": str(tmp_path)}
    (finding,) = check_rlbench_python(Computer(tmp_path, environment), Intended())
    assert finding.verdict is MISSING and words in finding.found
    assert "virtual environment" in finding.remedy


def test_what_cannot_be_imported_there_is_named_one_by_one(tmp_path: Path) -> None:
    """Here with the stand-in, which has no PyRep and no newer arguments."""
    environment = {
        "GENIMA_RLBENCH_PYTHON": sys.executable,
        "GENIMA_RLBENCH_PYTHONPATH": python_path(),
        "COPPELIASIM_ROOT": str(tmp_path),
    }
    found = by_subject(check_rlbench_python(Computer(tmp_path, environment), Intended()))
    assert found["Python"].verdict is OK and found["numpy"].verdict is OK
    assert found["pyrep"].verdict is MISSING and "on PyPI is another one" in found["pyrep"].remedy
    assert found["rlbench"].verdict is MISSING
    assert "arm_max_acceleration" in found["rlbench"].found


@pytest.mark.parametrize(
    ("change", "subject", "verdict"),
    [
        ({}, "rlbench", OK),
        ({}, "pyrep", OK),
        ({"pyrep": "3.2.0"}, "pyrep", LOOK),
        ({"python": [3, 12, 1]}, "Python", LOOK),
        ({"errors": {"rlbench": "ImportError: libQt5Core.so.5"}}, "rlbench", MISSING),
    ],
)
def test_versions_are_judged(change: dict[str, object], subject: str, verdict: Verdict) -> None:
    good = {"python": [3, 10, 13], "numpy": "1.26.4", "pyrep": "4.1.0.3", "rlbench": "new"}
    found = by_subject(judge_imports({**good, "errors": {}, **change}, "/venv/bin/python"))
    assert found[subject].verdict is verdict


@pytest.mark.parametrize(
    ("environment", "programs", "sockets", "verdict"),
    [
        ({}, (), (), MISSING),
        ({}, ("Xvfb",), (), OK),
        ({"DISPLAY": ":7"}, (), (), MISSING),
        ({"DISPLAY": ":7.0"}, (), ("X7",), OK),
        ({"DISPLAY": "elsewhere:0"}, (), (), OK),
    ],
)
def test_display_is_there_or_can_be_made(
    tmp_path: Path,
    environment: dict[str, str],
    programs: tuple[str, ...],
    sockets: tuple[str, ...],
    verdict: Verdict,
) -> None:
    for name in programs:
        coppeliasim(tmp_path, f"bin/{name}")
        (tmp_path / "bin" / name).chmod(0o755)
    coppeliasim(tmp_path, *(f"tmp/.X11-unix/{name}" for name in sockets))
    computer = Computer(tmp_path, environment | {"PATH": str(tmp_path / "bin")})
    (finding,) = check_display(computer, Intended())
    assert finding.verdict is verdict


def test_cameras_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENIMA_CACHE", str(tmp_path))
    (finding,) = check_rlbench_cameras(Computer(), Intended())
    assert finding.verdict is UNKNOWN and finding.remedy == "./genima rlbench cameras"
    coppeliasim(tmp_path, "rlbench/cameras.yaml")
    (finding,) = check_rlbench_cameras(Computer(), Intended())
    assert finding.verdict is OK


def test_area_goes_on_behind_what_is_missing(tmp_path: Path) -> None:
    findings = list(examine(Area.RLBENCH, Computer(tmp_path, {}), Intended()))
    assert [finding.verdict for finding in findings[:3]] == [MISSING] * 3
