# SPDX-License-Identifier: Apache-2.0
"""Ports of killed programs are cleared away; those of living ones are not."""

from pathlib import Path

import pytest

from genima import dds_ports
from genima.dds_ports import clear_unfinished_ports
from genima.evaluation import domain as domains
from genima.evaluation.domain import claim_domain

READY = b"\x02\0\0\0" + bytes(100)
MAKING = b"\x01\0\0\0" + bytes(100)


def made(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"", MAKING, bytes(100)])
def test_ports_whose_making_was_cut_off_are_removed(tmp_path: Path, content: bytes) -> None:
    port = made(tmp_path, "fastrtps_port32415", content)
    clear_unfinished_ports(tmp_path, making_s=0.0)
    assert not port.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fastrtps_port32415", READY),
        ("fastrtps_port32415_el", b""),
        ("fastrtps_2af99efa7dc86f05", b""),
        ("somebody_elses", b""),
    ],
    ids=["ready", "lock", "segment", "other"],
)
def test_everything_else_stays(tmp_path: Path, name: str, content: bytes) -> None:
    path = made(tmp_path, name, content)
    clear_unfinished_ports(tmp_path, making_s=0.0)
    assert path.exists()


def test_port_that_is_being_made_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = made(tmp_path, "fastrtps_port32415", MAKING)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        port.write_bytes(READY)

    monkeypatch.setattr(dds_ports.time, "sleep", sleep)
    clear_unfinished_ports(tmp_path)
    assert port.exists() and waited == [2.0]


def test_nothing_is_waited_for_where_all_ports_are_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "fastrtps_port32415", READY)
    monkeypatch.setattr(dds_ports.time, "sleep", lambda seconds: pytest.fail("waits"))
    clear_unfinished_ports(tmp_path)


def test_folder_that_is_not_there_has_no_ports(tmp_path: Path) -> None:
    clear_unfinished_ports(tmp_path / "none")


def test_who_claims_a_domain_finds_no_unfinished_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared: list[bool] = []
    monkeypatch.setattr(domains, "clear_unfinished_ports", lambda: cleared.append(True))
    with claim_domain(range(90, 80, -1), tmp_path):
        assert cleared == [True]
