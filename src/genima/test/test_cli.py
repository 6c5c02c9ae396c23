# SPDX-License-Identifier: Apache-2.0
"""The frame of the command line: verbs, errors, speed of start."""

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from genima import cli
from genima.cli import app
from genima.errors import GenimaError

HEAVY = ("numpy", "scipy", "cv2", "mujoco", "torch", "matplotlib", "yaml", "av")


def test_every_file_of_the_package_is_a_verb_with_a_help_text() -> None:
    result = CliRunner().invoke(app.build_app(), ["--help"])
    assert result.exit_code == 0
    assert {"launch", "assets"} <= set(result.output.split())


def test_starting_the_command_line_imports_nothing_heavy() -> None:
    code = (
        "import sys; from genima.cli.app import build_app; build_app(); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": cli.__path__[0] + "/../.."},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.strip() == "[]"


def test_known_error_is_one_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise GenimaError("This is wrong.")

    monkeypatch.setattr(app, "build_app", lambda: fail)
    with pytest.raises(SystemExit) as caught:
        app.main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == "This is wrong.\n"


def test_unforeseen_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app, "build_app", lambda: fail)
    with pytest.raises(ZeroDivisionError):
        app.main()


@pytest.mark.parametrize(
    ("module", "advice"), [("mujoco", r"genima\[sim\]"), ("genima_msgs.msg", "source ROS 2")]
)
def test_missing_optional_package_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str, advice: str
) -> None:
    def fail() -> None:
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(app, "build_app", lambda: fail)
    with pytest.raises(SystemExit) as caught:
        app.main()
    assert caught.value.code == 2
    assert re.search(advice, capsys.readouterr().err)


def test_missing_package_of_no_extra_is_unforeseen(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ModuleNotFoundError(name="genima.nonsense")

    monkeypatch.setattr(app, "build_app", lambda: fail)
    with pytest.raises(ModuleNotFoundError):
        app.main()
