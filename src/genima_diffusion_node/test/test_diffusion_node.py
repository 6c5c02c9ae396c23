# SPDX-License-Identifier: Apache-2.0
"""The diffusion node in this process: weights it refuses, drawings it does not vouch for."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
import torch
from genima_msgs.msg import TargetRequest, TargetTile
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import String

from genima.cameras import load_rig
from genima.diffusion.agent import Drawing, DrawRequest
from genima.diffusion.models import save_models
from genima.diffusion.tiny import TinySize, build_tiny, palette_config
from genima.errors import DrawingError, NotReady
from genima.evaluation.domain import claim_domain
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.policy import Policy, save_policy
from genima.spheres import draw_targets
from genima.sync import FrameSet
from genima.tiles import tile_images
from genima_diffusion_node.diffusion_node import DiffusionNode
from genima_diffusion_node.output import Job
from genima_ros.conversions import FINGER_JOINTS, joint_state, time_message
from genima_ros.diagnostics import Level

REPOSITORY = Path(__file__).parents[3]
CAMERAS = REPOSITORY / "config" / "cameras.yaml"
SHIPPED = REPOSITORY / "models" / "genima-tiny"
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
POLICY = Policy()
GOAL = "push the maroon button"
SIZE = TinySize(patch_px=16, channels=(16, 16), text_width=16, text_layers=1)


@pytest.fixture(scope="module")
def domain() -> Iterator[int]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with claim_domain() as number:
        yield number


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy folder with a small model of random weights."""
    folder = tmp_path_factory.mktemp("policy") / "random"
    folder.mkdir()
    torch.manual_seed(0)
    save_policy(POLICY, folder / "policy.yaml")
    models = build_tiny(palette_config(POLICY, cell_px=64), [POLICY.prompt(GOAL)], SIZE)
    save_models(models, folder / "diffusion")
    return folder


@pytest.fixture
def make_node(domain: int) -> Iterator[Callable[..., Any]]:
    nodes: list[Any] = []

    def make(**parameters: object) -> Any:
        rclpy.init(args=["--ros-args", "-p", f"cameras_file:={CAMERAS}"], domain_id=domain)
        node: Any = DiffusionNode()
        nodes.append(node)
        node.set_parameters([Parameter(name, value=value) for name, value in parameters.items()])
        node.said = []
        logger = node.get_logger()
        logger.error = node.said.append
        node.get_logger = lambda: logger
        return node

    yield make
    for node in nodes:
        node.trigger_shutdown()
        node.destroy_node()
    rclpy.try_shutdown()


def as_learned(folder: Path) -> dict[str, object]:
    return {
        "agent": "policy",
        "policy_file": str(folder / "policy.yaml"),
        "threads": 1,
        "pacing": "lockstep",  # in real time, its health is that no camera sends anything
    }


def copied(folder: Path, place: Path) -> Path:
    return Path(shutil.copytree(folder, place / folder.name))


def without(part: str) -> Callable[[Path], None]:
    return lambda folder: shutil.rmtree(folder / "diffusion" / part)


def cut_off(folder: Path) -> None:
    weights = next((folder / "diffusion" / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-100])


def for_other_cameras(folder: Path) -> None:
    order = ("front", "wrist", "right_shoulder", "left_shoulder")
    save_policy(replace(POLICY, cameras=order), folder / "policy.yaml")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without("unet"), "unet: cannot be read, it is missing"),
        (without(""), "genima.json: cannot be read"),
        (cut_off, "unet: cannot be read, it is missing, damaged"),
        (for_other_cameras, "trained with cameras ('wrist', 'front'"),
    ],
    ids=["part missing", "model missing", "truncated", "other cameras"],
)
def test_weights_that_cannot_be_used_fail_configuration_with_a_sentence(
    spoil: Callable[[Path], None],
    words: str,
    make_node: Callable[..., Any],
    trained: Path,
    tmp_path: Path,
) -> None:
    folder = copied(trained, tmp_path)
    spoil(folder)
    node = make_node(**as_learned(folder))
    assert node.trigger_configure() is FAILURE
    assert node.said[0].startswith("cannot configure: ") and words in node.said[0]
    assert "\n" not in node.said[0]


def test_learned_agent_without_a_policy_is_refused(make_node: Callable[..., Any]) -> None:
    node = make_node(agent="policy")
    assert node.trigger_configure() is FAILURE
    assert "agent 'policy' needs weights: set policy_file" in node.said[0]


class Draws:
    """An agent that draws, or breaks down, as the test says."""

    def __init__(self, result: Drawing | Exception) -> None:
        self.result = result
        self.requests: list[DrawRequest] = []

    def draw(self, request: DrawRequest) -> Drawing:
        self.requests.append(request)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class Sent:
    """Stands in for a publisher."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.news = threading.Event()

    def publish(self, message: Any) -> None:
        self.messages.append(message)
        self.news.set()

    def get_subscription_count(self) -> int:
        return 1


def scene() -> dict[str, Any]:
    side = POLICY.image_size_px
    return {name: np.full((side, side, 3), 90, np.uint8) for name in POLICY.cameras}


def job() -> Job:
    return Job(
        FrameSet(scene(), dict.fromkeys(POLICY.cameras, 12.0)), np.array(Q_HOME), False, GOAL
    )


def ready(node: Any, agent: Draws) -> tuple[Sent, Sent]:
    """Configure a node, give it cameras and another agent; returns its tiles and markers."""
    assert node.trigger_configure() is SUCCESS
    node._on_rig(load_rig(CAMERAS))
    node._agent, node._active = agent, True
    tiles, markers = Sent(), Sent()
    node._output._tiles, node._output._pictures, node._output._markers = tiles, Sent(), markers
    return tiles, markers


def drawing_of(q: Any) -> Drawing:
    views = load_rig(CAMERAS).views(np.array(Q_HOME))
    images = draw_targets(scene(), np.array(q), True, views, POLICY)
    return Drawing(tile_images(images, POLICY.cameras), "test")


def test_drawing_of_the_arm_is_vouched_for_and_shown(
    make_node: Callable[..., Any], trained: Path
) -> None:
    node = make_node(**as_learned(trained))
    agent = Draws(drawing_of(Q_HOME))
    tiles, markers = ready(node, agent)
    node._draw(job())
    assert (tiles.messages[0].state, tiles.messages[0].fault) == (TargetTile.USABLE, "")
    assert tiles.messages[0].header.stamp.sec == 12 and tiles.messages[0].instruction == GOAL
    assert len(markers.messages) == 1
    assert agent.requests[0].gripper_open is False


def test_drawing_without_spheres_is_marked_and_not_shown(
    make_node: Callable[..., Any], trained: Path
) -> None:
    node = make_node(**as_learned(trained))
    blank = Drawing(tile_images(scene(), POLICY.cameras), "test")
    tiles, markers = ready(node, Draws(blank))
    node._draw(job())
    assert tiles.messages[0].state == TargetTile.BAD
    assert tiles.messages[0].fault == "the drawing cannot be followed: no spheres"
    assert markers.messages == []
    health = node._health()
    assert (health.level, health.message) == (Level.ERROR, tiles.messages[0].fault)
    assert health.values["tiles not to be followed"] == 1


def test_random_weights_draw_nothing_that_is_vouched_for(
    make_node: Callable[..., Any], trained: Path
) -> None:
    node = make_node(**as_learned(trained))
    tiles, _ = ready(node, Draws(DrawingError("")))
    node._agent = node._make_agent(load_rig(CAMERAS))
    node._draw(job())
    assert tiles.messages[0].state == TargetTile.BAD
    assert tiles.messages[0].model == "random"


def test_shipped_model_follows_no_images_without_an_arm(make_node: Callable[..., Any]) -> None:
    node = make_node(**as_learned(SHIPPED))
    tiles, markers = ready(node, Draws(DrawingError("")))
    node._agent = node._make_agent(load_rig(CAMERAS))
    node._draw(job())
    assert tiles.messages[0].state == TargetTile.BAD and markers.messages == []
    assert "do not show the arm where its joints say it is" in tiles.messages[0].fault
    assert tiles.messages[0].model == "genima-tiny"


def test_blank_tiles_are_not_checked(make_node: Callable[..., Any]) -> None:
    node = make_node(agent="blank")
    tiles, _ = ready(node, Draws(Drawing(tile_images(scene(), POLICY.cameras), "blank")))
    node._draw(job())
    assert tiles.messages[0].state == TargetTile.USABLE


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DrawingError("the drawing model is out of memory"), "the drawing model is out of memory"),
        (ZeroDivisionError("by zero"), "the drawing broke down: by zero"),
    ],
)
def test_broken_agent_has_the_arm_halt_and_the_worker_lives_on(
    error: Exception, words: str, make_node: Callable[..., Any]
) -> None:
    node = make_node(agent="blank")
    agent = Draws(error)
    tiles, _ = ready(node, agent)
    node._worker.put(job())
    assert tiles.news.wait(60.0)
    assert (tiles.messages[0].state, tiles.messages[0].fault) == (TargetTile.FAILED, words)
    tiles.news.clear()
    agent.result = drawing_of(Q_HOME)
    node._worker.put(job())
    assert tiles.news.wait(60.0)
    assert tiles.messages[1].state == TargetTile.USABLE


def test_target_that_cannot_be_drawn_now_halts_nothing(make_node: Callable[..., Any]) -> None:
    node = make_node(agent="blank", pacing="lockstep")
    tiles, _ = ready(node, Draws(NotReady("the expert does not answer")))
    node._draw(job())
    assert tiles.messages == []
    assert node._health().message == "the expert does not answer"


class AtOnce:
    """A worker that is done before the node goes on."""

    def __init__(self, handle: Callable[[Job], None]) -> None:
        self.put = handle

    def stop(self) -> None:
        """There is no thread."""


def test_request_that_fails_at_once_is_tried_again(make_node: Callable[..., Any]) -> None:
    node = make_node(agent="blank", pacing="lockstep")
    agent = Draws(NotReady("the expert does not answer"))
    tiles, _ = ready(node, agent)
    node._worker.stop()
    node._worker = AtOnce(node._draw)
    node._on_instruction(String(data=GOAL))
    node._on_joint_state(joint_state(JOINT_NAMES, Q_HOME, np.zeros(7), 12.0))
    node._on_target_request(TargetRequest(not_before=time_message(12.0)))
    for camera, image in scene().items():
        node._on_image(camera, image, 12.0)
    assert len(agent.requests) == 1 and tiles.messages == []
    agent.result = drawing_of(Q_HOME)
    node._on_joint_state(joint_state(JOINT_NAMES, Q_HOME, np.zeros(7), 12.05))
    assert len(tiles.messages) == 1
    node._on_joint_state(joint_state(JOINT_NAMES, Q_HOME, np.zeros(7), 12.1))
    assert len(tiles.messages) == 1  # what was asked for is there


def test_gripper_is_drawn_as_it_was_when_the_images_were_taken(
    make_node: Callable[..., Any],
) -> None:
    node = make_node(agent="blank", pacing="lockstep")
    agent = Draws(drawing_of(Q_HOME))
    ready(node, agent)
    node._worker.stop()
    node._worker = AtOnce(node._draw)
    node._on_instruction(String(data=GOAL))
    for stamp_s, finger_m in ((12.0, 0.04), (12.05, 0.0)):
        names, q = (*JOINT_NAMES, *FINGER_JOINTS), np.array([*Q_HOME, finger_m, finger_m])
        node._on_joint_state(joint_state(names, q, np.zeros(9), stamp_s))
    node._on_target_request(TargetRequest(not_before=time_message(12.0)))
    for camera, image in scene().items():
        node._on_image(camera, image, 12.0)
    assert [request.gripper_open for request in agent.requests] == [True]
