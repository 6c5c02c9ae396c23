# SPDX-License-Identifier: Apache-2.0
"""Procedural pictures, folders of pictures, and the backgrounds that are cut from them."""

import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from genima.data.backgrounds import Backgrounds
from genima.data.texture_families import FAMILIES, Family
from genima.data.textures import folder_bank, procedural_bank
from genima.errors import InvalidParameter


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("GENIMA_CACHE", str(folder))
    return folder


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Three pictures: one wide and one high, one below, all red."""
    folder = tmp_path / "photographs"
    (folder / "more").mkdir(parents=True)
    for name, shape in (("a.jpg", (40, 90)), ("b.PNG", (90, 40)), ("more/c.png", (50, 50))):
        cv2.imwrite(str(folder / name), np.full((*shape, 3), (0, 0, 200), np.uint8))
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.mark.parametrize("family", dict.fromkeys(FAMILIES))
def test_family_draws_varied_pictures_and_repeats_them(family: Family) -> None:
    pictures = [family(np.random.default_rng([3, i]), 64) for i in range(8)]
    for i, picture in enumerate(pictures):
        assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8
        assert (picture == family(np.random.default_rng([3, i]), 64)).all()
    means = np.array([picture.mean(axis=(0, 1)) for picture in pictures])
    assert means.std(axis=0).min() > 10
    assert np.median([picture.std() for picture in pictures]) > 8


def test_pictures_of_all_families_cover_dark_and_bright_and_all_hues() -> None:
    bank = procedural_bank(seed=1, count=128, side_px=32)
    means = bank.pictures.mean(axis=(1, 2))
    assert np.percentile(means.mean(axis=1), 5) < 60
    assert np.percentile(means.mean(axis=1), 95) > 160
    assert (np.bincount(means.argmax(axis=1), minlength=3) > 20).all()


def test_bank_is_made_once_and_depends_on_its_seed(cache: Path) -> None:
    bank = procedural_bank(seed=1, count=9, side_px=32)
    made_ns = bank.file.stat().st_mtime_ns
    assert bank.pictures.shape == (9, 32, 32, 3)
    assert procedural_bank(seed=1, count=9, side_px=32) == bank
    assert bank.file.stat().st_mtime_ns == made_ns
    assert (procedural_bank(seed=2, count=9, side_px=32).pictures != bank.pictures).any()
    assert not list(cache.glob(".*")), "nothing unfinished is left"


def test_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GENIMA_CACHE", str(tmp_path / "file"))
    with pytest.raises(InvalidParameter, match=r"cannot keep pictures in .*GENIMA_CACHE"):
        procedural_bank(count=2, side_px=16)


def test_pictures_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        procedural_bank(count=2, side_px=16).pictures[0, 0, 0] = 0


def test_pickle_of_a_bank_holds_no_pictures() -> None:
    bank = procedural_bank(count=9, side_px=64)
    assert bank.pictures.nbytes > 100_000
    data = pickle.dumps(bank)
    assert len(data) < 1000
    assert (pickle.loads(data).pictures == bank.pictures).all()


def test_folder_s_pictures_are_cut_square_with_their_colours(photographs: Path) -> None:
    bank = folder_bank(photographs, side_px=32)
    assert (bank.count, bank.unreadable) == (3, ())
    assert abs(bank.pictures.astype(int) - (200, 0, 0)).max() <= 3


def test_unreadable_pictures_are_left_out_and_named(photographs: Path) -> None:
    (photographs / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n but then nothing")
    (photographs / "empty.jpg").touch()
    for _ in range(2):  # also when it comes from the cache
        bank = folder_bank(photographs, side_px=32)
        assert bank.count == 3
        assert bank.unreadable == ("broken.png", "empty.jpg")


def test_folder_that_has_changed_is_read_again(photographs: Path) -> None:
    assert folder_bank(photographs, side_px=32).count == 3
    cv2.imwrite(str(photographs / "d.png"), np.zeros((20, 20, 3), np.uint8))
    assert folder_bank(photographs, side_px=32).count == 4
    before = folder_bank(photographs, side_px=32).pictures
    cv2.imwrite(str(photographs / "d.png"), np.full((20, 20, 3), 9, np.uint8))
    os.utime(photographs / "d.png", ns=(1, 1))
    assert (folder_bank(photographs, side_px=32).pictures != before).any()


def test_of_a_large_folder_some_pictures_from_all_over_are_taken(photographs: Path) -> None:
    for i in range(20):
        cv2.imwrite(str(photographs / f"e{i:02}.png"), np.full((9, 9, 3), 10 * i, np.uint8))
    bank = folder_bank(photographs, side_px=16, most=5)
    assert bank.count == 5
    grey = [p for p in bank.pictures if p.std() == 0]
    assert len(np.unique(grey, axis=0)) == len(grey) == 3


def test_folder_without_a_readable_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InvalidParameter, match="none of the 1 pictures"):
        folder_bank(tmp_path)
    with pytest.raises(InvalidParameter, match="is no folder"):
        folder_bank(tmp_path / "nowhere")


def test_backgrounds_depend_on_the_generator_alone() -> None:
    backgrounds = Backgrounds(procedural_bank(count=9, side_px=48), 32)
    first, again = (
        [backgrounds.draw(rng) for _ in range(20)]
        for rng in (np.random.default_rng(4), np.random.default_rng(4))
    )
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert len({image.tobytes() for image in first}) == 20
    assert all(image.shape == (32, 32, 3) and image.dtype == np.uint8 for image in first)


def test_one_picture_gives_many_backgrounds(photographs: Path) -> None:
    backgrounds = Backgrounds(folder_bank(photographs, side_px=32), 16)
    rng = np.random.default_rng(0)
    colours = {tuple(backgrounds.draw(rng)[0, 0].tolist()) for _ in range(50)}
    assert len(colours) > 40


def test_drawing_a_background_leaves_the_bank_as_it_is() -> None:
    bank = procedural_bank(count=4, side_px=32)
    before = bank.pictures.copy()
    backgrounds = Backgrounds(bank, 32)
    rng = np.random.default_rng(0)
    for _ in range(50):
        backgrounds.draw(rng)[:] = 0
    assert (bank.pictures == before).all()
