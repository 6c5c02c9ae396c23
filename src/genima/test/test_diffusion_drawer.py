# SPDX-License-Identifier: Apache-2.0
"""Drawing tiles with models of every kind, and keeping them in folders."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel

from genima.arrays import Array, UInt8
from genima.cameras import CameraRig, load_rig
from genima.diffusion.agent import DrawRequest
from genima.diffusion.conditioning import GREY, ArmState, draw_input
from genima.diffusion.config import (
    DrawConfig,
    Guide,
    Output,
    Present,
    Target,
    from_json,
    to_json,
)
from genima.diffusion.drawer import Drawer, DrawOptions, Precision, load_drawer
from genima.diffusion.finish import cells_of
from genima.diffusion.learned import LearnedAgent, require_trained_for
from genima.diffusion.models import load_models, save_models
from genima.errors import DrawingError, GenimaError, InvalidParameter, PolicyError
from genima.kinematics import Q_HOME
from genima.policy import Policy
from genima.tiles import tile_images, untile

from . import draw_cases as cases

EXACT = DrawOptions(precision=Precision.FLOAT32)
SPHERES = {"output": Output.SPHERES, "target": Target.SAMPLE, "steps": 1, "state": True}
CAMERAS_FILE = Path(__file__).parents[3] / "config" / "cameras.yaml"


@pytest.fixture(scope="module")
def rig() -> CameraRig:
    """The cameras as the policy of the cases sees them."""
    rig = load_rig(CAMERAS_FILE)
    for name, camera in rig.cameras.items():
        small = camera.intrinsics.square(cases.POLICY.image_size_px)
        rig = rig.with_intrinsics(name, small)
    return rig


@pytest.fixture
def arm(rig: CameraRig) -> ArmState:
    return ArmState(np.array(Q_HOME), True, rig.views(Q_HOME))


def pictures(seed: int = 0) -> dict[str, UInt8[Array, "s s 3"]]:
    rng = np.random.default_rng(seed)
    side = cases.POLICY.image_size_px
    return {
        name: rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        for name in cases.POLICY.cameras
    }


@pytest.mark.parametrize("kind", ["sd-turbo", "genima-tiny"])
def test_saved_model_does_not_tell_where_it_was(kind: str, tmp_path: Path) -> None:
    save_models(cases.KINDS[kind](), tmp_path / "first")
    save_models(load_models(tmp_path / "first"), tmp_path / "second")
    for path in (tmp_path / "second").rglob("*.json"):
        assert str(tmp_path) not in path.read_text(), path


@pytest.mark.parametrize("kind", list(cases.KINDS))
def test_same_input_and_seed_give_the_same_tile(kind: str, arm: ArmState) -> None:
    drawer = Drawer(cases.KINDS[kind](), EXACT)
    first = drawer.draw(pictures(), arm, cases.GOALS[0], seed=3)
    drawer.draw(pictures(1), arm, cases.GOALS[1], seed=4)
    again = drawer.draw(pictures(), arm, cases.GOALS[0], seed=3)
    assert first.shape == (64, 64, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)


def test_seed_picture_and_goal_all_change_the_drawing(arm: ArmState) -> None:
    drawer = Drawer(cases.sd_turbo(), EXACT)
    base = drawer.draw(pictures(), arm, cases.GOALS[0], seed=3)
    others = (
        drawer.draw(pictures(), arm, cases.GOALS[0], seed=4),
        drawer.draw(pictures(1), arm, cases.GOALS[0], seed=3),
        drawer.draw(pictures(), arm, cases.GOALS[1], seed=3),
        drawer.draw(pictures(), arm, cases.GOALS[0], seed=3, steps=1),
    )
    assert all((other != base).any() for other in others)


def test_warm_up_changes_no_drawing(arm: ArmState) -> None:
    cold, warm = (Drawer(cases.tiny_palette(), EXACT) for _ in range(2))
    warm.warm_up()
    tiles = [drawer.draw(pictures(), arm, cases.GOALS[0], 0) for drawer in (cold, warm)]
    np.testing.assert_array_equal(*tiles)


def test_half_precision_draws_nearly_the_same(arm: ArmState) -> None:
    exact, half = (
        Drawer(cases.sd_turbo(), replace(EXACT, precision=precision)).draw(
            pictures(), arm, cases.GOALS[0], 0
        )
        for precision in Precision
    )
    assert np.abs(exact.astype(float) - half).mean() < 5.0


def test_what_is_drawn_one_after_the_other_lands_in_its_camera(arm: ArmState) -> None:
    # With one picture for all cameras, and one noise for all, all four drawings are alike.
    models = cases.sd_turbo(tiled=False)
    drawer = Drawer(models, EXACT)
    images = pictures()
    same = dict.fromkeys(cases.POLICY.cameras, images["front"])
    noise = drawer.noise(0, 3)
    drawer.noise = lambda seed, steps: noise[:, :1].expand_as(noise)  # type: ignore[method-assign]
    cells = untile(drawer.draw(same, arm, cases.GOALS[0], 0), cases.POLICY.cameras)
    for name in cases.POLICY.cameras:
        np.testing.assert_allclose(cells[name], cells["front"], atol=1)
    changed = untile(
        drawer.draw(same | {"wrist": images["wrist"]}, arm, cases.GOALS[0], 0),
        cases.POLICY.cameras,
    )
    differs = [name for name in cases.POLICY.cameras if (changed[name] != cells[name]).any()]
    assert differs == ["wrist"]


def test_cells_of_a_tile_are_in_the_order_of_the_policy() -> None:
    tile = tile_images(pictures(), cases.POLICY.cameras)
    config = DrawConfig(cases.POLICY, cell_px=32)
    batch = torch.from_numpy(tile).permute(2, 0, 1)[None]
    for name, cell in zip(cases.POLICY.cameras, cells_of(batch, config), strict=True):
        np.testing.assert_array_equal(cell.permute(1, 2, 0).numpy(), pictures()[name])


def test_labels_leave_the_camera_images_as_they_are(arm: ArmState) -> None:
    models = cases.tiny_palette()
    with torch.no_grad():  # nothing but OTHER everywhere
        models.network.unet.conv_out.weight.zero_()
        models.network.unet.conv_out.bias.zero_()
        models.network.unet.conv_out.bias[: cases.SIZE.patch_px**2] = 5.0
    tile = Drawer(models, EXACT).draw(pictures(), arm, cases.GOALS[0], 0)
    np.testing.assert_array_equal(tile, tile_images(pictures(), cases.POLICY.cameras))


def test_model_of_fewer_pixels_draws_tiles_of_the_policys_size(arm: ArmState) -> None:
    for make in (cases.tiny_palette, cases.sd_turbo):
        drawer = Drawer(make(cell_px=16), EXACT)
        assert drawer.draw(pictures(), arm, cases.GOALS[0], 0, steps=1).shape == (64, 64, 3)


def test_present_spheres_are_a_second_picture_on_grey(arm: ArmState) -> None:
    config = DrawConfig(cases.POLICY, cell_px=32, present=Present.LAYER)
    inputs = draw_input(pictures(), arm, config)
    seen, spheres = inputs.pictures[0, ..., :3], inputs.pictures[0, ..., 3:]
    np.testing.assert_array_equal(seen, tile_images(pictures(), cases.POLICY.cameras))
    grey = (spheres == GREY).all(axis=-1)
    assert 0.3 < grey.mean() < 0.99
    moved = ArmState(arm.q + 0.3, True, arm.views)
    assert (draw_input(pictures(), moved, config).pictures[0, ..., 3:] != spheres).any()


def test_virtual_camera_takes_the_place_of_one_image(arm: ArmState) -> None:
    config = DrawConfig(
        cases.POLICY, cell_px=32, present=Present.CELL, virtual_camera="left_shoulder"
    )
    inputs = draw_input(pictures(), arm, config)
    assert inputs.pictures.shape == (1, 64, 64, 3)
    cells = untile(np.ascontiguousarray(inputs.pictures[0]), cases.POLICY.cameras)
    np.testing.assert_array_equal(cells["front"], pictures()["front"])
    assert (cells["left_shoulder"] == GREY).all(axis=-1).mean() > 0.3
    tile = Drawer(
        cases.sd_turbo(present=Present.CELL, virtual_camera="left_shoulder"), EXACT
    ).draw(pictures(), arm, cases.GOALS[0], 0)
    assert tile.shape == (64, 64, 3)


@pytest.mark.parametrize("kind", ["sd-turbo", "sdxl-turbo", "pix2pix", "genima-tiny"])
def test_text_encoder_receives_the_instruction_in_the_policys_template(
    kind: str, arm: ArmState
) -> None:
    models, received = cases.KINDS[kind](), []
    for encoder in models.text.encoders:
        encoder.register_forward_pre_hook(lambda _, given: received.append(given[0]))
    drawer = Drawer(models, EXACT)
    drawer.draw(pictures(), arm, "push the maroon button", 0, steps=1)
    assert len(received) == len(models.text.encoders)
    for tokenizer, tokens in zip(models.text.tokenizers, received, strict=True):
        text = tokenizer.decode(tokens[0], skip_special_tokens=True)
        assert " ".join(text.replace("'", " ").split()) == (
            "tiled perspectives of a robot arm executing push the maroon button"
        )


def test_words_of_the_prompts_are_one_token_each_and_others_are_spelled() -> None:
    tokenizer = cases.tiny_palette().text.tokenizers[0]
    known, unknown = (len(tokenizer(text).input_ids) for text in ("maroon button", "cerulean jar"))
    assert known == 4 and unknown > 8  # with the start and the end
    assert tokenizer.decode(tokenizer("cerulean jar").input_ids[1:-1]).strip() == "cerulean jar"


@pytest.mark.parametrize("kind", list(cases.KINDS))
def test_model_survives_its_folder(kind: str, arm: ArmState, tmp_path: Path) -> None:
    models = cases.KINDS[kind]()
    save_models(models, tmp_path / "diffusion")
    again = load_drawer(tmp_path / "diffusion", EXACT)
    drawer = Drawer(models, EXACT)
    tiles = [one.draw(pictures(), arm, cases.GOALS[0], 0) for one in (drawer, again)]
    # Where in memory weights lie decides in which order they are summed up.
    np.testing.assert_allclose(*(tile.astype(int) for tile in tiles), atol=1)
    assert again.config == models.config
    assert (tmp_path / "diffusion" / "unet").is_dir()


def test_folder_borrows_what_it_lacks_from_its_base(arm: ArmState, tmp_path: Path) -> None:
    models = cases.sd_turbo(base="../base")
    save_models(models, tmp_path / "base")
    save_models(models, tmp_path / "diffusion", ("controlnet",))
    files = sorted(path.name for path in (tmp_path / "diffusion").iterdir())
    assert files == ["controlnet", "genima.json"]
    tiles = [
        one.draw(pictures(), arm, cases.GOALS[0], 0)
        for one in (Drawer(models, EXACT), load_drawer(tmp_path / "diffusion", EXACT))
    ]
    np.testing.assert_array_equal(*tiles)


def test_base_that_is_nowhere_is_named(tmp_path: Path) -> None:
    models = cases.sd_turbo(base="nobody/no-such-model")
    save_models(models, tmp_path / "diffusion", ("controlnet",))
    with pytest.raises(PolicyError, match="'nobody/no-such-model' is no folder and cannot be had"):
        load_models(tmp_path / "diffusion")


def remove(path: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        found = folder / path
        shutil.rmtree(found) if found.is_dir() else found.unlink()

    return spoil


def truncate(folder: Path) -> None:
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1000])


def other_architecture(folder: Path) -> None:
    path = folder / "unet" / "config.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"block_out_channels": [32, 64]}))


def unknown_key(folder: Path) -> None:
    path = folder / "genima.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": 3}))


def pickled(folder: Path) -> None:
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (remove("genima.json"), "genima.json: cannot be read"),
        (remove("unet"), "unet: cannot be read, it is missing, damaged or of another archi"),
        (remove("tokenizer/tokenizer.json"), "tokenizer has 2 words, text_encoder knows"),
        (remove("scheduler"), "scheduler: cannot be read"),
        (remove("vae/config.json"), "vae: cannot be read"),
        (truncate, "unet: cannot be read, it is missing, damaged"),
        (other_architecture, "unet: cannot be read, it is missing, damaged or of another"),
        (unknown_key, "unknown keys .'colour'."),
        (pickled, "unet: cannot be read"),
    ],
)
def test_folder_that_cannot_be_used_is_refused_in_a_sentence(
    spoil: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    save_models(cases.tiny_palette(), tmp_path / "diffusion")
    spoil(tmp_path / "diffusion")
    with pytest.raises(PolicyError, match=words) as refusal:
        load_models(tmp_path / "diffusion")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cell_px": 12}, "cell_px is 12"),
        ({"output": Output.PALETTE}, "set target to 'sample'"),
        ({"virtual_camera": "front"}, "virtual_camera is 'front'"),
        ({"present": Present.CELL, "virtual_camera": "moon"}, "virtual_camera is 'moon'"),
        (
            {"present": Present.CELL, "output": Output.PALETTE, "target": Target.SAMPLE},
            "use present 'layer'",
        ),
        (SPHERES | {"steps": 5}, "drawn in one step, got 5; give 1"),
        (SPHERES | {"state": False}, "has to know the arm; set state to true"),
        (SPHERES | {"guide": Guide.CONCAT}, "needs a ControlNet, guide is 'pix2pix'"),
        (SPHERES | {"tiled": False}, "needs all cameras at once"),
    ],
)
def test_contradictory_configuration_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        DrawConfig(**changes)


def test_configuration_survives_json() -> None:
    config = DrawConfig(
        Policy(image_size_px=64),
        cell_px=16,
        present=Present.CELL,
        virtual_camera="wrist",
        goals=cases.GOALS,
        farthest_rad=(0.5,) * 7,
    )
    assert from_json(json.loads(json.dumps(to_json(config)))) == config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cameras": ("front", "wrist", "right_shoulder", "left_shoulder")}, "cameras .*front"),
        ({"horizon_steps": 10}, "horizon_steps 20, the policy has 10"),
        ({"prompt_template": "do {goal}"}, "prompt_template"),
        (
            {"sphere_radii_m": dict.fromkeys(cases.POLICY.cameras, 0.05)},
            "sphere_radii_m .*belong together",
        ),
    ],
)
def test_model_of_another_policy_is_refused(changes: dict[str, Any], words: str) -> None:
    drawer = Drawer(cases.tiny_palette(), EXACT)
    require_trained_for(cases.POLICY, drawer)
    with pytest.raises(PolicyError, match=words):
        require_trained_for(replace(cases.POLICY, **changes), drawer)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (DrawOptions(device="cuda"), "finds no NVIDIA GPU"),
        (DrawOptions(device="tpu"), "give cpu or cuda"),
        (DrawOptions(graph=True), "only device 'cuda' has graphs"),
        (DrawOptions(steps=-1), "steps is -1"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_options_that_cannot_be_had_are_refused(options: DrawOptions, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        Drawer(cases.tiny_palette(), options)


def test_spheres_are_drawn_in_one_step_alone(arm: ArmState) -> None:
    with pytest.raises(InvalidParameter, match="drawn in one step, got 2; give 1"):
        Drawer(cases.tiny_spheres(), replace(EXACT, steps=2))
    drawer = Drawer(cases.tiny_spheres(), replace(EXACT, steps=1))
    with pytest.raises(InvalidParameter, match="drawn in one step, got 3; give 1"):
        drawer.draw(pictures(), arm, cases.GOALS[0], 0, steps=3)


def taesd(channels: int) -> AutoencoderTiny:
    torch.manual_seed(0)
    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
        latent_channels=channels,
    )


def test_small_decoder_takes_the_place_of_the_models_own(arm: ArmState, tmp_path: Path) -> None:
    taesd(4).save_pretrained(tmp_path / "taesd")
    drawer = Drawer(cases.sd_turbo(), replace(EXACT, decoder=str(tmp_path / "taesd")))
    plain = Drawer(cases.sd_turbo(), EXACT)
    tiles = [one.draw(pictures(), arm, cases.GOALS[0], 0) for one in (drawer, plain)]
    assert tiles[0].shape == tiles[1].shape and (tiles[0] != tiles[1]).any()


def test_decoder_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    taesd(16).save_pretrained(tmp_path / "taef1")
    for place, words in ((tmp_path / "taef1", "latents of 16 channels"), (tmp_path, "cannot be")):
        with pytest.raises(PolicyError, match=words):
            Drawer(cases.sd_turbo(), replace(EXACT, decoder=str(place)))
    with pytest.raises(InvalidParameter, match="draws labels"):
        Drawer(cases.tiny_palette(), replace(EXACT, decoder=str(tmp_path / "taef1")))


def request(instruction: str = cases.GOALS[0]) -> DrawRequest:
    return DrawRequest(pictures(), np.array(Q_HOME), True, instruction, seed=0)


def test_agent_says_that_the_model_does_not_see_the_end_of_a_long_instruction(
    rig: CameraRig,
) -> None:
    agent = LearnedAgent(Drawer(cases.tiny_palette(), EXACT), rig, "tiny")
    assert agent.draw(request()).remark == ""
    assert "does not see its end" in agent.draw(request("push " * 100)).remark


def test_agent_draws_no_instruction_that_its_model_has_not_learned(rig: CameraRig) -> None:
    models = cases.tiny_palette()
    known = replace(models.config, goals=cases.GOALS)
    agent = LearnedAgent(Drawer(replace(models, config=known), EXACT), rig, "tiny")
    assert agent.draw(request("Push the  maroon button")).fault == ""
    asked = request("make some coffee")
    drawing = agent.draw(asked)
    assert drawing.fault == (
        "the model tiny does not know the instruction 'make some coffee'; it knows: push the "
        "maroon button, take the lid off the saucepan"
    )
    cameras = cases.POLICY.cameras
    assert np.array_equal(drawing.tile, tile_images(dict(asked.images), cameras))


def test_goal_is_drawn_as_before_though_another_ran_out_of_memory(
    arm: ArmState, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawer = Drawer(cases.sd_turbo(), EXACT)
    before = drawer.draw(pictures(), arm, cases.GOALS[0], seed=3)
    last, _ = drawer._memory._layers[-1]

    def exhausted(hidden: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with monkeypatch.context() as patch:
        patch.setattr(last.to_v, "forward", exhausted)  # the other layers know the new goal
        with pytest.raises(torch.OutOfMemoryError):
            drawer.draw(pictures(), arm, cases.GOALS[1], seed=3)
    again = drawer.draw(pictures(), arm, cases.GOALS[0], seed=3)
    np.testing.assert_array_equal(before, again)


def test_agent_that_is_out_of_memory_says_so(
    rig: CameraRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = LearnedAgent(Drawer(cases.tiny_palette(), EXACT), rig, "tiny")

    def exhausted(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with monkeypatch.context() as patch:
        patch.setattr(UNet2DConditionModel, "forward", exhausted)
        with pytest.raises(DrawingError, match="drawing model is out of memory"):
            agent.draw(request())
    assert agent.draw(request()).model == "tiny"
    assert issubclass(DrawingError, GenimaError)
