# SPDX-License-Identifier: Apache-2.0
"""The controller's network."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genima.act.auxiliary import AuxiliaryOutput, SphereView
from genima.act.backbone import Backbone
from genima.act.config import PRESETS, ActConfig, Stem, from_json, preset, to_json
from genima.act.glimpses import Glimpses, from_sight
from genima.act.model import Act, ActInput
from genima.errors import InvalidParameter, PolicyError

from .act_cases import SMALL

LANGUAGE = 384
FIELDS = ("pixel", "log_depth", "axis", "visible")
WITH_CVAE = replace(SMALL, latent=4, dropout=0.0)


def observed(config: ActConfig, batch: int = 2, seed: int = 0) -> ActInput:
    generator = torch.Generator().manual_seed(seed)
    size = config.source_size_px
    return ActInput(
        torch.randn(batch, 4, 3, size, size, generator=generator),
        torch.randn(batch, 8, generator=generator),
        torch.randn(batch, LANGUAGE, generator=generator),
    )


def test_paper_preset_has_the_parameters_and_tokens_of_the_paper() -> None:
    config = PRESETS["paper"]
    network = Act(config, language=512)
    used = sum(
        parameter.numel()
        for name, parameter in network.named_parameters()
        if not name.startswith("style.")  # the CVAE's encoder only serves training
    )
    assert used / 1e6 == pytest.approx(28.1, abs=0.05)
    tokens = 4 * config.tokens_a_side**2 + len(network.extra_position)
    assert tokens == 259


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_survive_json(name: str) -> None:
    assert from_json(to_json(preset(name))) == preset(name)


def test_unknown_preset_and_unknown_keys_are_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidParameter, match="got 'huge'; there are paper, tiny"):
        preset("huge")
    with pytest.raises(InvalidParameter, match=r"unknown keys \['depth'\]"):
        from_json({"depth": 3})
    with pytest.raises(InvalidParameter, match="stem is 'vit'"):
        from_json({"stem": "vit"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"widths": (8,)}, "one entry for each stage"),
        ({"heads": 3}, "multiple of 4 and of heads"),
        ({"image_size_px": 60}, "multiple of 16"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        replace(SMALL, **change)  # type: ignore[arg-type]


def test_each_sample_of_a_batch_is_predicted_by_itself() -> None:
    network = Act(SMALL, LANGUAGE).eval()
    both = observed(SMALL)
    first = ActInput(both.images[:1], both.state[:1], both.language[:1])
    with torch.no_grad():
        together, alone = network(both), network(first)
    assert together.joints.shape == (2, 20, 7)
    assert torch.allclose(together.joints[:1], alone.joints, atol=1e-5)
    assert torch.allclose(together.gripper_logit[:1], alone.gripper_logit, atol=1e-5)


@pytest.mark.parametrize("part", ["images", "state", "language"])
def test_every_input_changes_the_output(part: str) -> None:
    network = Act(SMALL, LANGUAGE).eval()
    for film in network.backbone.films.values():
        torch.nn.init.normal_(film.generate.weight)
    a, b = observed(SMALL), observed(SMALL, seed=1)
    mixed = {name: getattr(a, name) for name in ("images", "state", "language")}
    with torch.no_grad():
        before = network(a).joints
        after = network(ActInput(**(mixed | {part: getattr(b, part)}))).joints
    assert (before - after).abs().max() > 1e-4


def test_order_of_the_cameras_matters_only_with_a_camera_embedding() -> None:
    for embedding in (True, False):
        config = replace(SMALL, camera_embedding=embedding, readings=False, glimpse_px=0, told=0)
        x = observed(config)
        swapped = ActInput(x.images.flip(1), x.state, x.language)
        network = Act(config, LANGUAGE).eval()
        if network.camera_position is not None:
            torch.nn.init.normal_(network.camera_position)
        with torch.no_grad():
            difference = (network(x).joints - network(swapped).joints).abs().max()
        assert bool(difference > 1e-4) is embedding


def test_readings_of_each_view_reach_the_actions() -> None:
    x = observed(SMALL)
    network = Act(SMALL, LANGUAGE).eval()
    with torch.no_grad():
        for parameter in network.readings.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        before = network(x).joints
        for camera in range(4):
            head = network.auxiliary
            kept = head.bias.clone()
            head.bias[camera] += 1.0
            assert (network(x).joints - before).abs().max() > 1e-4
            head.bias.copy_(kept)


def along_sight(read: AuxiliaryOutput, focal: torch.Tensor) -> torch.Tensor:
    ahead = torch.tensor([0.0, 0.0, 1.0]).expand_as(read.axis)
    return (read.axis * from_sight(ahead, read.pixel / focal)).sum(dim=-1)


def test_second_look_sees_how_a_sphere_lies_wherever_it_is() -> None:
    torch.manual_seed(0)
    glimpses = Glimpses(16, cameras=1).eval()
    torch.nn.init.normal_(glimpses.read.weight, std=0.1)
    glimpses.reach.fill_(0.25)
    stripes = torch.zeros(1, 1, 3, 128, 128)
    stripes[..., 24:40, 24:40] = torch.arange(16).remainder(4).div(3.0)
    moved = stripes.roll((48, 16), dims=(-2, -1))
    shift = 2.0 * torch.tensor([16.0, 48.0]) / 128.0

    def read(images: torch.Tensor, place: torch.Tensor) -> AuxiliaryOutput:
        first = AuxiliaryOutput(
            place.expand(1, 1, 4, 2), torch.zeros(1, 1, 4), torch.ones(1, 1, 4, 3), torch.zeros(1)
        )
        with torch.no_grad():
            return glimpses(images, first)

    here = torch.full((2,), 2.0 * 32.0 / 128.0 - 1.0)
    before, after = read(stripes, here), read(moved, here + shift)
    sights = [along_sight(one, glimpses.focal) for one in (before, after)]
    assert torch.allclose(*sights, atol=1e-4)
    assert torch.allclose(before.pixel + shift, after.pixel, atol=1e-4)
    turned = read(stripes.transpose(-1, -2), here)
    assert (turned.axis - before.axis).abs().max() > 1e-3


def striped(count: int, generator: torch.Generator) -> tuple[torch.Tensor, SphereView]:
    """Squares with upright or lying stripes anywhere in images of one camera, and the truth."""
    images = torch.zeros(count, 1, 3, 64, 64)
    corners = torch.randint(8, 40, (count, 2), generator=generator)
    upright = torch.rand(count, generator=generator) < 0.5
    stripes = torch.arange(16).remainder(8).div(4.0).sub(1.0).expand(16, 16)
    for image, (u, v), turned in zip(images, corners.tolist(), upright, strict=True):
        image[0, :, v : v + 16, u : u + 16] = stripes if turned else stripes.T
    place = 2.0 * (corners + 8.0) / 64.0 - 1.0
    axis = torch.stack([upright.float(), 1.0 - upright.float(), torch.zeros(count)], dim=-1)
    visible = torch.zeros(count, 1, 4, dtype=torch.bool)
    visible[..., 0] = True
    truth = SphereView(
        place[:, None, None].expand(count, 1, 4, 2),
        torch.zeros(count, 1, 4),
        axis[:, None, None].expand(count, 1, 4, 3),
        visible,
    )
    return images, truth


def test_practice_teaches_where_a_sphere_is_and_how_it_is_turned() -> None:
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(4)
    glimpses = Glimpses(16, cameras=1)
    glimpses.reach.fill_(16.0 / 64.0)
    glimpses.focal.fill_(1e3)  # from so far away that all lines of sight are one
    optimiser = torch.optim.Adam(glimpses.parameters(), 5e-3)
    for _ in range(120):
        images, truth = striped(32, generator)
        loss = glimpses.practise(images, truth).loss(truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    images, truth = striped(64, generator)
    beside = truth.pixel + 0.08
    first = AuxiliaryOutput(beside, truth.log_depth, torch.zeros_like(truth.axis), torch.zeros(1))
    read = glimpses.eval()(images, first)
    assert (read.pixel - truth.pixel)[..., 0, :].abs().mean() < 0.04
    assert ((read.axis - truth.axis)[..., 0, :].abs().amax(-1) < 0.5).float().mean() > 0.9


def test_glimpses_learn_by_practice_alone() -> None:
    network = Act(SMALL, LANGUAGE)
    network(observed(SMALL)).joints.sum().backward()
    assert all(parameter.grad is None for parameter in network.glimpses.parameters())
    _, truth = striped(2, torch.Generator().manual_seed(0))
    four = SphereView(
        *(getattr(truth, n).expand(2, 4, *getattr(truth, n).shape[2:]) for n in FIELDS)
    )
    output = network(observed(SMALL), spheres=four)
    assert len(output.auxiliary) == 2
    output.auxiliary[1].loss(four).backward()
    assert network.glimpses.read.weight.grad.abs().max() > 0.0


def test_glimpses_of_a_size_that_cannot_be_halved_thrice_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="glimpse_px is 20; a multiple of 8 is needed"):
        replace(SMALL, glimpse_px=20)


def test_readings_without_anything_to_read_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="readings needs an auxiliary_weight above 0"):
        replace(SMALL, auxiliary_weight=0.0)


def test_latent_is_of_the_actions_in_training_and_zero_in_use() -> None:
    network = Act(WITH_CVAE, LANGUAGE).eval()
    x = observed(WITH_CVAE)
    actions, padded = torch.randn(2, 20, 8), torch.zeros(2, 20, dtype=torch.bool)
    with torch.no_grad():
        used = network(x)
        trained = [network(x, actions, padded) for _ in range(2)]
    assert used.latent is None and trained[0].latent is not None
    assert torch.equal(trained[0].latent.mean, trained[1].latent.mean)
    assert not torch.equal(trained[0].joints, trained[1].joints)  # z is drawn


def test_padded_actions_do_not_reach_the_latent() -> None:
    network = Act(WITH_CVAE, LANGUAGE).eval()
    x = observed(WITH_CVAE)
    padded = torch.zeros(2, 20, dtype=torch.bool)
    padded[:, 12:] = True
    actions = torch.randn(2, 20, 8)
    others = actions.clone()
    others[:, 12:] = torch.randn(2, 8, 8)
    with torch.no_grad():
        a, b = network(x, actions, padded).latent, network(x, others, padded).latent
    assert a is not None and b is not None
    assert torch.allclose(a.mean, b.mean, atol=1e-6)


def resnet18_state() -> dict[str, torch.Tensor]:
    """The parameters of torchvision's ResNet18 by name and shape, as its file has them."""
    state = {"conv1.weight": torch.randn(64, 3, 7, 7), "fc.weight": torch.randn(1000, 512)}
    state["fc.bias"] = torch.randn(1000)

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.{part}"] = torch.rand(width)

    norm("bn1", 64)
    inputs = 64
    for layer, width in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            name = f"layer{layer}.{block}"
            state[f"{name}.conv1.weight"] = torch.randn(width, inputs, 3, 3)
            state[f"{name}.conv2.weight"] = torch.randn(width, width, 3, 3)
            norm(f"{name}.bn1", width)
            norm(f"{name}.bn2", width)
            if block == 0 and layer > 1:
                state[f"{name}.downsample.0.weight"] = torch.randn(width, inputs, 1, 1)
                norm(f"{name}.downsample.1", width)
            inputs = width
    return state


def test_checkpoint_of_torchvision_loads_and_its_statistics_stay(tmp_path: Path) -> None:
    state = resnet18_state()
    torch.save(state, tmp_path / "resnet18.pth")
    network = Act(replace(PRESETS["paper"], encoder_layers=1, decoder_layers=1), language=512)
    network.backbone.load_imagenet(tmp_path / "resnet18.pth")
    network.frozen_statistics = True
    network.train()
    loaded = network.backbone.state_dict()
    assert torch.equal(loaded["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])
    before = loaded["layer3.0.bn1.running_mean"].clone()
    network.backbone(torch.randn(1, 3, 64, 64), torch.randn(1, 512))
    assert torch.equal(network.backbone.state_dict()["layer3.0.bn1.running_mean"], before)
    assert not network.backbone.bn1.weight.requires_grad


def test_checkpoints_of_other_kinds_are_refused(tmp_path: Path) -> None:
    backbone = Backbone(replace(SMALL, stem=Stem.RESNET), LANGUAGE)
    torch.save(resnet18_state(), tmp_path / "resnet18.pth")
    with pytest.raises(PolicyError, match="not the weights of this backbone"):
        backbone.load_imagenet(tmp_path / "resnet18.pth")
    (tmp_path / "broken.pth").write_bytes(b"nothing")
    with pytest.raises(PolicyError, match="cannot be read as a checkpoint"):
        backbone.load_imagenet(tmp_path / "broken.pth")
    with pytest.raises(PolicyError, match="cannot be read as a checkpoint"):
        backbone.load_imagenet(tmp_path / "absent.pth")
