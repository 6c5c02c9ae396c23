# SPDX-License-Identifier: Apache-2.0
"""Files and folders that are whole or not there."""

import pickle
from pathlib import Path

import pytest

from genima.errors import EvaluationError
from genima.files import (
    cache_root,
    locked_folder,
    replaced_by_kill,
    replaced_folder,
    write_file,
    write_text,
)
from genima.policy import Policy


def put(folder: Path, content: str) -> None:
    with replaced_folder(folder) as staged:
        (staged / "content").write_text(content)


@pytest.mark.parametrize(
    "write", [lambda p: write_text(p, "new"), lambda p: write_file(p, b"new")]
)
def test_written_file_replaces_the_old_one_and_leaves_nothing_beside(write, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "file"
    path.write_text("old")
    write(path)
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_replaced_folder_holds_the_new_content_only(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    put(folder, "one")
    (folder / "more").touch()
    put(folder, "two")
    assert [path.name for path in folder.iterdir()] == ["content"]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_folder_stays_when_writing_its_successor_fails(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    put(folder, "one")
    with pytest.raises(ZeroDivisionError), replaced_folder(folder):
        raise ZeroDivisionError
    assert (folder / "content").read_text() == "one"


def test_folder_of_a_writer_killed_between_the_renames_outlives_the_next_failure(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "state"
    put(folder, "one")
    folder.rename(replaced_by_kill(folder))  # where a kill would have left it
    with pytest.raises(ZeroDivisionError), replaced_folder(folder):
        raise ZeroDivisionError
    assert (replaced_by_kill(folder) / "content").read_text() == "one"
    put(folder, "two")
    assert [path.name for path in tmp_path.iterdir() if path.name != ".state.part"] == ["state"]


def test_locked_folder_keeps_others_out_and_says_so(tmp_path: Path) -> None:
    def enter() -> None:
        with locked_folder(tmp_path / "set", ".lock", EvaluationError, "it is busy", "go away"):
            pass

    with (
        locked_folder(tmp_path / "set", ".lock", EvaluationError, "", ""),
        pytest.raises(EvaluationError, match="it is busy"),
    ):
        enter()
    enter()


def test_folder_that_cannot_be_made_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(EvaluationError, match=r"cannot write to .*: .*; name another"),
        locked_folder(tmp_path / "file", ".lock", EvaluationError, "", "name another"),
    ):
        pass


def test_cache_can_be_put_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENIMA_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("GENIMA_CACHE")
    assert cache_root() == Path.home() / ".cache" / "genima"


def test_policy_can_be_given_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Policy())) == Policy()
