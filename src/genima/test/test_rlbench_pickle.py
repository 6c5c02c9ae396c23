# SPDX-License-Identifier: Apache-2.0
"""Behaviour of RLBench's pickles: written for it, read from it, and refused."""

import collections
import contextlib
import os
import pickle
import pickletools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genima.cameras import rlbench_to_ros
from genima.data.rlbench_motion import (
    TCP_T_TIP,
    WORLD_T_BASE,
    motion_of,
    ros_to_rlbench,
    to_rlbench,
)
from genima.data.rlbench_pickle import (
    demo_bytes,
    description_bytes,
    read_demo,
    read_descriptions,
    read_pickle,
)
from genima.errors import InvalidDataset
from genima.geometry import invert, rotation_from_quat_xyzw, rotation_z
from genima.kinematics import base_T_tcp, frame_poses

from .demonstration_cases import invented, small_rig

CAMERAS = ("front", "left_shoulder", "right_shoulder", "wrist")

# As in RLBench itself, as far as pickle is concerned: plain classes of these names.
RLBENCH_CLASSES = """
import sys, types
for name in ("rlbench", "rlbench.demo", "rlbench.backend", "rlbench.backend.observation"):
    sys.modules[name] = types.ModuleType(name)
class Observation: pass
class Demo: pass
Observation.__module__, Demo.__module__ = "rlbench.backend.observation", "rlbench.demo"
sys.modules["rlbench.backend.observation"].Observation = Observation
sys.modules["rlbench.demo"].Demo = Demo
"""


def in_rlbench(code: str, folder: Path) -> str:
    """Run code in a Python that has RLBench's classes and not a line of ours."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", RLBENCH_CLASSES + code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def low_dim(folder: Path, demonstration=None) -> Path:
    file = folder / "low_dim_obs.pkl"
    file.write_bytes(demo_bytes(to_rlbench(demonstration or invented())))
    return file


def test_rlbench_reads_what_we_write_into_its_own_classes(tmp_path):
    low_dim(tmp_path)
    (tmp_path / "words.pkl").write_bytes(description_bytes(("open it", "öffne es")))
    code = """
import pickle, numpy as np
demo = pickle.load(open("low_dim_obs.pkl", "rb"))
assert type(demo) is Demo and all(type(o) is Observation for o in demo._observations)
assert demo.random_seed[0] == "MT19937" and demo.num_reset_attempts == 1
np.random.set_state(demo.random_seed)
first, second = demo._observations[:2]
assert first.front_rgb is None and first.overhead_depth is None
assert first.joint_positions.dtype == np.float64 and first.gripper_open == 1.0
assert "joint_position_action" not in first.misc
assert second.misc["joint_position_action"].shape == (8,)
assert len(first.misc["joint_poses"]) == 7 and first.misc["variation_index"] == 0
assert first.misc["front_camera_intrinsics"][0, 0] < 0
print(len(demo._observations), pickle.load(open("words.pkl", "rb")))
"""
    assert in_rlbench(code, tmp_path).split(" ", 1) == ["24", "['open it', 'öffne es']\n"]


def named_globals(content: bytes) -> set[str]:
    """What a pickle names, by its opcodes."""
    pushed, memo, named = [], [], set()
    for opcode, argument, _ in pickletools.genops(content):
        assert opcode.name != "GLOBAL"  # of older protocols
        if opcode.name == "STACK_GLOBAL":
            named.add(".".join(pushed[-2:]))
        elif opcode.name == "MEMOIZE":
            memo.append(pushed[-1] if pushed else None)
        elif opcode.name.endswith("BINGET"):
            pushed.append(memo[argument])
        elif opcode.stack_after:
            pushed.append(argument)
    return named


def test_file_names_only_rlbench_and_numpy(tmp_path):
    named = named_globals(low_dim(tmp_path).read_bytes())
    # NumPy 1 has its functions in numpy.core, and NumPy 2 still answers to that name.
    assert named == {
        "rlbench.demo.Demo",
        "rlbench.backend.observation.Observation",
        "numpy.core.multiarray._reconstruct",
        "numpy.ndarray",
        "numpy.dtype",
    }


@pytest.mark.parametrize("protocol", range(2, 6))
def test_we_read_what_rlbench_writes_in_every_protocol(tmp_path, protocol):
    code = f"""
import pickle, numpy as np
def observation(t):
    o = Observation()
    o.joint_positions, o.joint_velocities = np.arange(7) + t, np.asfortranarray(np.ones(7))
    o.gripper_open, o.gripper_matrix = np.float64(1.0), np.eye(4).T
    o.task_low_dim_state, o.misc = None, {{}}
    o.misc["front_camera_near"], o.misc["variation_index"] = np.float32(0.01), np.int64(3)
    if t:
        o.misc["joint_position_action"] = np.arange(8.0)
    return o
demo = Demo()
demo._observations = [observation(t) for t in range(3)]
demo.random_seed = np.random.RandomState(1).get_state()
demo.num_reset_attempts = None
pickle.dump(demo, open("low_dim_obs.pkl", "wb"), {protocol})
"""
    in_rlbench(code, tmp_path)
    file = tmp_path / "low_dim_obs.pkl"
    demo = read_demo(file)
    motion = motion_of(demo, str(file))
    assert np.array_equal(motion.q, np.arange(7) + np.arange(3.0)[:, None])
    assert np.isnan(motion.q_command[0]).all() and np.array_equal(motion.q_command[2], range(7))
    assert motion.gripper_width_m is None
    assert demo.observations[0].misc["variation_index"] == 3
    assert np.array_equal(demo.observations[0].gripper_matrix, np.eye(4))
    assert np.array_equal(demo.random_seed[1], np.random.RandomState(1).get_state()[1])


@pytest.mark.parametrize("core", ["core", "_core"])
def test_arrays_of_numpy_1_and_2_are_read(tmp_path, core):
    array = np.arange(6.0).reshape(2, 3)
    raw = pickle.dumps([array, np.float64(2.5)], 2).decode("latin1")
    for written in ("numpy._core.", "numpy.core."):
        raw = raw.replace(written, f"numpy.{core}.")
    (tmp_path / "a.pkl").write_bytes(raw.encode("latin1"))
    read, number = read_pickle(tmp_path / "a.pkl")
    assert np.array_equal(read, array) and number == 2.5


def test_poses_follow_rlbench_conventions():
    demonstration = invented()
    demo = to_rlbench(demonstration)
    t = 5
    q, observation = demonstration.q[t], demo.observations[t]
    tip = invert(WORLD_T_BASE) @ observation.gripper_matrix
    tcp = base_T_tcp(q)
    assert np.allclose(tip[:3, 3], tcp[:3, 3] + 0.0065 * tcp[:3, 2])
    assert np.allclose(tip[:3, 0], -tcp[:3, 0]) and np.allclose(tip[:3, 2], tcp[:3, 2])
    assert np.allclose(TCP_T_TIP[:3, :3], rotation_z(np.pi))
    assert np.allclose(observation.gripper_pose[:3], observation.gripper_matrix[:3, 3])
    quat = rotation_from_quat_xyzw(observation.gripper_pose[3:])
    assert np.allclose(quat, observation.gripper_matrix[:3, :3])
    # A joint's own angle does not turn its frame: the poses are those of the links with it at 0.
    for joint in range(7):
        unturned = q.copy()
        unturned[joint] = 0.0
        link = WORLD_T_BASE @ frame_poses(unturned)[joint + 1]
        pose = observation.misc["joint_poses"][joint]
        assert np.allclose(pose[:3], link[:3, 3])
        assert np.allclose(rotation_from_quat_xyzw(pose[3:]), link[:3, :3])


def test_cameras_come_back_through_the_conversion_of_the_reader():
    demonstration = invented()
    misc = to_rlbench(demonstration).observations[7].misc
    for name in CAMERAS:
        extrinsics = misc[f"{name}_camera_extrinsics"]
        world_T_cam, intrinsics = rlbench_to_ros(extrinsics, misc[f"{name}_camera_intrinsics"])
        view = demonstration.rig.cameras[name].view(demonstration.q[7])
        assert np.allclose(invert(WORLD_T_BASE) @ world_T_cam, view.base_T_cam)
        assert intrinsics == view.intrinsics


def test_front_camera_stands_where_rlbench_has_it():
    front = small_rig().cameras["front"]
    extrinsics, K_sim = ros_to_rlbench(WORLD_T_BASE @ front.parent_T_cam, front.intrinsics)
    assert np.allclose(extrinsics[:3, 3], [1.35, 0.0, 1.58])
    assert K_sim[0, 0] < 0 and K_sim[1, 1] < 0 and K_sim[0, 2] == front.intrinsics.width / 2


class Payload:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile() -> dict[str, bytes]:
    """Pickles that would do something if they were simply loaded."""
    objects = np.empty(1, object)
    objects[0] = Payload(os.system, "touch pwned")
    plain_objects = np.empty(1, object)
    plain_objects[0] = "harmless, but no numbers"
    dotted = b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93."
    # A class and a function of ours as they are, and then BUILD with attributes for them.
    change_class = b"\x80\x04\x8c\x0crlbench.demo\x8c\x04Demo\x93N}\x8c\x0b_attributesK\x01s\x86b."
    change_function = (
        b"\x80\x04\x8c\x15numpy.core.multiarray\x8c\x06scalar\x93N}\x8c\x08__code__K\x01s\x86b."
    )
    wrong_size = pickle.dumps(np.zeros(4), 3).replace(b"K\x04\x85", b"K\x7f\x85")
    return {
        "os.system": pickle.dumps(Payload(os.system, "touch pwned")),
        "builtins.eval": pickle.dumps(Payload(eval, "open('pwned', 'w')")),
        "builtins.getattr": pickle.dumps(Payload(getattr, "text", "upper")),
        "nested": pickle.dumps([{"misc": (Payload(os.system, "touch pwned"),)}]),
        "object array": pickle.dumps(objects),
        "objects": pickle.dumps(plain_objects),
        "partial": pickle.dumps(Payload(__import__("functools").partial, print, "pwned")),
        "importlib": pickle.dumps(Payload(__import__("importlib").import_module, "antigravity")),
        "a path": pickle.dumps(Path("pwned")),
        "counter": pickle.dumps(collections.Counter("pwned")),
        "memmap": pickle.dumps(Payload(np.memmap, "pwned", "uint8", "w+", 0, (4,))),
        "numpy.load": pickle.dumps(Payload(np.load, "pwned.npy")),
        "dotted": dotted,
        "change class": change_class,
        "change function": change_function,
        "wrong size": wrong_size,
        "structured": pickle.dumps(np.zeros(2, [("a", "f8"), ("b", "O")])),
        "ndarray": pickle.dumps(Payload(np.ndarray, (4,))),
        "extension": b"\x80\x04\x82\x01.",
        "persistent": b"\x80\x04\x8c\x05pwnedQ.",
    }


@pytest.mark.parametrize("kind", hostile())
def test_hostile_pickle_is_refused_and_nothing_of_it_runs(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "low_dim_obs.pkl"
    file.write_bytes(hostile()[kind])
    with pytest.raises(InvalidDataset) as refusal:
        read_demo(file)
    assert str(file) in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ["low_dim_obs.pkl"]
    # Nothing is left changed for the next file, either.
    assert len(read_demo(low_dim(tmp_path)).observations) == 24


def test_refusal_names_the_class_and_the_file(tmp_path):
    file = tmp_path / "low_dim_obs.pkl"
    file.write_bytes(pickle.dumps(Payload(os.system, "true")))
    with pytest.raises(InvalidDataset, match=r"low_dim_obs\.pkl.*posix\.system"):
        read_demo(file)


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -40])
def test_truncated_pickle_is_damaged(tmp_path, keep):
    file = low_dim(tmp_path)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(InvalidDataset, match=r"low_dim_obs\.pkl"):
        read_demo(file)


def test_random_damage_is_an_error_or_harmless(tmp_path):
    content = low_dim(tmp_path, invented(n=3)).read_bytes()
    file = tmp_path / "damaged.pkl"
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place] = rng.integers(0, 256)
        file.write_bytes(bytes(damaged))
        with contextlib.suppress(InvalidDataset):
            motion_of(read_demo(file), "damaged.pkl")


@pytest.mark.parametrize("content", [[], ["a", 3], "text", {"a": 1}, None])
def test_what_is_no_list_of_instructions_is_refused(tmp_path, content):
    (tmp_path / "words.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(InvalidDataset, match=r"words\.pkl"):
        read_descriptions(tmp_path / "words.pkl")


@pytest.mark.parametrize("content", [[1, 2], "text", None, [["x"]]])
def test_what_is_no_demonstration_is_refused(tmp_path, content):
    (tmp_path / "demo.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(InvalidDataset, match=r"demo\.pkl"):
        read_demo(tmp_path / "demo.pkl")
