# SPDX-License-Identifier: Apache-2.0
"""The scene of the stand-in for CoppeliaSim: named objects, and what a step does."""

import numpy as np
from fake_arm import LINK7_T_TIP, Q_START, WORLD_T_BASE, pose, turn, world_T_links
from pyrep.backend.simConst import (
    sim_object_dummy_type,
    sim_object_forcesensor_type,
    sim_object_joint_type,
    sim_object_proximitysensor_type,
    sim_object_shape_type,
    sim_object_visionsensor_type,
)

DT_S = 0.05
ARM = [f"Panda_joint{k}" for k in range(1, 8)]
FINGERS = ["Panda_gripper_joint1", "Panda_gripper_joint2"]
_TABLE_TOP_M = 0.752


class Thing:
    """One object of the scene."""

    def __init__(self, name, kind, parent=None, xyz=(0, 0, 0), rotation=None, ext="", size=0.05):
        self.name, self.kind, self.parent, self.ext = name, kind, parent, ext
        self.local = pose(np.eye(3) if rotation is None else rotation, xyz)
        self.position = self.target = self.velocity = 0.0
        self.parameters = {}
        self.size = size
        self.is_model = False
        self.handle = 0

    def world(self):
        if self.name in ARM:
            # As CoppeliaSim has it: without the joint's own rotation.
            index = ARM.index(self.name)
            q = joints(ARM)
            return world_T_links(q)[index] @ pose(turn("z", -q[index]), (0, 0, 0))
        if self.name == "Panda_link7":
            return world_T_links(joints(ARM))[6]
        return (self.parent.world() if self.parent else np.eye(4)) @ self.local

    def put(self, matrix):
        above = self.parent.world() if self.parent else np.eye(4)
        self.local = np.linalg.inv(above) @ matrix


things = {}
clock = {"steps": 0, "can_start": False, "rml": {}}


def add(thing):
    thing.handle = len(things) + 1
    while thing.handle in things:
        thing.handle += 1
    things[thing.handle] = thing
    return thing


def named(name):
    return next((thing for thing in things.values() if thing.name == name), None)


def joints(names):
    return np.array([named(name).position for name in names])


def _looking(from_xyz, at_xyz):
    z = np.subtract(at_xyz, from_xyz) / np.linalg.norm(np.subtract(at_xyz, from_xyz))
    left = np.cross([0.0, 0.0, 1.0], z)
    left = left / np.linalg.norm(left)
    return np.column_stack([left, np.cross(z, left), z])


def build():
    base = add(Thing("Panda", sim_object_shape_type, xyz=WORLD_T_BASE[:3, 3]))
    for name, angle in zip(ARM, Q_START):  # noqa: B905
        joint = add(Thing(name, sim_object_joint_type, base))
        joint.position = joint.target = float(angle)
    link7 = add(Thing("Panda_link7", sim_object_shape_type, base))
    tip = add(Thing("Panda_tip", sim_object_dummy_type, link7))
    tip.local = LINK7_T_TIP
    add(Thing("Panda_target", sim_object_dummy_type))
    gripper = add(Thing("Panda_gripper", sim_object_shape_type, tip))
    for name in FINGERS:
        add(Thing(name, sim_object_joint_type, gripper)).position = 0.04
    add(Thing("Panda_gripper_attachProxSensor", sim_object_proximitysensor_type, tip, size=0.04))
    add(Thing("Panda_gripper_attachPoint", sim_object_forcesensor_type, tip))
    add(Thing("workspace", sim_object_shape_type, xyz=(0.25, 0.0, _TABLE_TOP_M), size=0.5))
    stands = {
        "cam_front": ((1.35, 0.0, 1.58), (0.2, 0.0, 0.8)),
        "cam_over_shoulder_left": ((-0.2, 0.5, 1.9), (0.3, 0.0, 0.8)),
        "cam_over_shoulder_right": ((-0.2, -0.5, 1.9), (0.3, 0.0, 0.8)),
        "cam_overhead": ((0.3, 0.0, 2.2), (0.301, 0.0, 0.8)),
    }
    for name, (place, target) in stands.items():
        add(Thing(name, sim_object_visionsensor_type, None, place, _looking(place, target)))
    add(Thing("cam_wrist", sim_object_visionsensor_type, tip, (0.05, 0.01, -0.08)))
    for name in [*stands, "cam_wrist"]:
        add(Thing(f"{name}_mask", sim_object_visionsensor_type))


def load_model(file):
    name = str(file).rsplit("/", 1)[-1].split(".")[0]
    root = add(Thing(name, sim_object_dummy_type, size=0.1))
    root.is_model = True
    down = turn("x", np.pi)
    if name == "push_button":
        for part in ("push_button_target", "target_button_topPlate", "target_button_wrap"):
            add(Thing(part, sim_object_shape_type, root))
        add(Thing("target_button_joint", sim_object_joint_type, root, (0, 0, 0.03)))
        shut = "close_gripper();"
        add(Thing("waypoint0", sim_object_dummy_type, root, (0, 0, 0.13), down, shut))
        add(Thing("waypoint1", sim_object_dummy_type, root, (0, 0, 0.03), down))
    elif name == "take_lid_off_saucepan":
        add(Thing("saucepan_lid_grasp_point", sim_object_shape_type, root, (0, 0, 0.05)))
        add(Thing("success", sim_object_proximitysensor_type, root, (0, 0, 0.2), size=0.03))
        shut = "close_gripper();"
        add(Thing("waypoint0", sim_object_dummy_type, root, (0, 0, 0.12), down))
        add(Thing("waypoint1", sim_object_dummy_type, root, (0, 0, 0.05), down, shut))
        add(Thing("waypoint2", sim_object_dummy_type, root, (0, 0, 0.2), down))
    else:
        raise RuntimeError(f"the stand-in has no model {name}")
    return root.handle


def step():
    clock["steps"] += 1
    for name in ARM:
        joint = named(name)
        before = joint.position
        joint.position += 0.9 * (joint.target - joint.position)
        joint.parameters["velocity"] = (joint.position - before) / DT_S
    for name in FINGERS:
        finger = named(name)
        finger.position = float(np.clip(finger.position + finger.velocity * DT_S, 0.0, 0.04))
    button = named("target_button_joint")
    if button is not None:
        gap = named("Panda_tip").world()[:3, 3] - button.world()[:3, 3]
        button.position = 0.005 if np.abs(gap).max() < 0.01 else 0.0
