# SPDX-License-Identifier: Apache-2.0
"""Ports of killed programs are cleared away; those of living ones are not."""

import os
import time
from pathlib import Path

import pytest

from genima.dds_ports import clear_unfinished_ports
from genima.evaluation import domain as domains
from genima.evaluation.domain import claim_domain

READY = b"\x02\0\0\0" + bytes(100)
MAKING = b"\x01\0\0\0" + bytes(100)


def made(folder: Path, name: str, content: bytes, age_s: float = 60.0) -> Path:
    path = folder / name
    path.write_bytes(content)
    then_s = time.time() - age_s
    os.utime(path, (then_s, then_s))
    return path


@pytest.mark.parametrize("content", [b"", MAKING, bytes(100)])
def test_ports_whose_making_was_cut_off_are_removed(tmp_path: Path, content: bytes) -> None:
    port = made(tmp_path, "fastrtps_port32415", content)
    clear_unfinished_ports(tmp_path)
    assert not port.exists()


@pytest.mark.parametrize(
    ("name", "content", "age_s"),
    [
        ("fastrtps_port32415", READY, 60.0),
        ("fastrtps_port32415", b"", 0.0),
        ("fastrtps_port32415_el", b"", 60.0),
        ("fastrtps_2af99efa7dc86f05", b"", 60.0),
        ("somebody_elses", b"", 60.0),
    ],
    ids=["ready", "being made", "lock", "segment", "other"],
)
def test_everything_else_stays(tmp_path: Path, name: str, content: bytes, age_s: float) -> None:
    path = made(tmp_path, name, content, age_s)
    clear_unfinished_ports(tmp_path)
    assert path.exists()


def test_folder_that_is_not_there_has_no_ports(tmp_path: Path) -> None:
    clear_unfinished_ports(tmp_path / "none")


def test_who_claims_a_domain_finds_no_unfinished_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared: list[bool] = []
    monkeypatch.setattr(domains, "clear_unfinished_ports", lambda: cleared.append(True))
    with claim_domain(range(90, 80, -1), tmp_path):
        assert cleared == [True]
