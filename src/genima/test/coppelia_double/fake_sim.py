# SPDX-License-Identifier: Apache-2.0
"""Stands for `pyrep.backend.sim`: a tree of named objects, an arm, two tasks, and no physics.

Written from how PyRep, which is MIT-licensed, calls its C layer. The real PyRep and RLBench run on
it: joints go most of the way to their targets in a step, a button is down while the tip is there,
a grasped object moves with the hand, and each camera sees one colour that changes with the time.
"""

import numpy as np
from fake_arm import quaternion_form, solve, turn
from fake_scene import DT_S, FINGERS, Thing, add, build, clock, named, step, things
from fake_scene import load_model as simLoadModel  # noqa: F401, N812 - PyRep calls it
from pyrep.backend.simConst import *  # noqa: F403
from pyrep.backend.simConst import (
    sim_handle_all,
    sim_handle_scene,
    sim_modelproperty_not_model,
    sim_object_dummy_type,
    sim_object_joint_type,
    sim_object_visionsensor_type,
    sim_objfloatparam_modelbbox_max_x,
    sim_objfloatparam_objbbox_max_x,
    sim_visionfloatparam_perspective_angle,
    sim_visionintparam_resolution_x,
    sim_visionintparam_resolution_y,
)


def simExtStep(step_physics=True):
    if step_physics:
        step()


_STATELESS = {
    "simSetStringParameter": 1,
    "simExtSimThreadInit": None,
    "simStartSimulation": 1,
    "simStopSimulation": 1,
    "simGetIkGroupHandle": 1,
    "simGetCollectionHandle": 1,
    "simGetSimulationTimeStep": DT_S,
    "simHandleVisionSensor": None,
    "simCheckCollision": 0,
    "simSetShapeColor": None,
    "simGetShapeColor": [0.5, 0.5, 0.5],
    "simAddDrawingObject": 1,
    "simAddDrawingObjectItem": None,
    "simGetObjectSpecialProperty": 0,
    "simSetObjectSpecialProperty": None,
    "simSetModelProperty": None,
    "simResetDynamicObject": None,
    "simSetExplicitHandling": None,
    "simGetExplicitHandling": 1,
    "simRMLRemove": None,
    "simGetJointMode": 5,
    "simSetJointMode": None,
}
for _name, _value in _STATELESS.items():
    globals()[_name] = lambda *_, _value=_value, **__: _value


def simExtLaunchUIThread(options, scene, pyrep_root):
    build()
    clock["can_start"] = True


def simExtCanInitSimThread():
    return clock["can_start"]


def simGetObjectHandle(name):
    thing = named(name)
    if thing is None:
        raise RuntimeError(f"Handle {name} does not exist.")
    return thing.handle


def simGetObjectType(handle):
    return things[handle].kind


def simGetObjectName(handle):
    return things[handle].name if handle in things else ""


def simGetObjectParent(handle):
    if things[handle].parent is None:
        raise RuntimeError("The call failed on the V-REP side.")
    return things[handle].parent.handle


def simSetObjectParent(handle, parent, keep_in_place):
    world = things[handle].world()
    things[handle].parent = things.get(parent)
    things[handle].put(world)


def _below(thing, root):
    while thing is not None:
        if thing is root:
            return True
        thing = thing.parent
    return False


def simGetObjectsInTree(base, kind, options):
    root = None if base == sim_handle_scene else things[base]
    return [
        thing.handle
        for thing in things.values()
        if (kind in (sim_handle_all, thing.kind))
        and (root is None or _below(thing, root))
        and not (options & 1 and thing is root)
    ]


def simRemoveModel(handle):
    root = things[handle]
    for key in [key for key, thing in things.items() if _below(thing, root)]:
        del things[key]


def simRemoveObject(handle):
    del things[handle]


def simGetModelProperty(handle):
    return 0 if things[handle].is_model else sim_modelproperty_not_model


def simGetExtensionString(handle, index, key):
    return things[handle].ext


def _relative(handle, relative_to):
    frame = np.eye(4) if relative_to == -1 else things[relative_to].world()
    return np.linalg.inv(frame) @ things[handle].world()


def _place(handle, relative_to, matrix):
    frame = np.eye(4) if relative_to == -1 else things[relative_to].world()
    things[handle].put(frame @ matrix)


def simGetObjectMatrix(handle, relative_to):
    return _relative(handle, relative_to)[:3].ravel().tolist()


def simSetObjectMatrix(handle, relative_to, matrix):
    _place(handle, relative_to, np.vstack([np.reshape(matrix, (3, 4)), [0, 0, 0, 1]]))


def simGetObjectPosition(handle, relative_to):
    return _relative(handle, relative_to)[:3, 3].tolist()


def simSetObjectPosition(handle, relative_to, position):
    matrix = _relative(handle, relative_to)
    matrix[:3, 3] = position
    _place(handle, relative_to, matrix)


def simGetObjectOrientation(handle, relative_to):
    r = _relative(handle, relative_to)[:3, :3]
    return [
        float(np.arctan2(-r[1, 2], r[2, 2])),
        float(np.arcsin(np.clip(r[0, 2], -1, 1))),
        float(np.arctan2(-r[0, 1], r[0, 0])),
    ]


def simSetObjectOrientation(handle, relative_to, angles):
    matrix = _relative(handle, relative_to)
    matrix[:3, :3] = turn("x", angles[0]) @ turn("y", angles[1]) @ turn("z", angles[2])
    _place(handle, relative_to, matrix)


def simGetObjectQuaternion(handle, relative_to):
    values, vectors = np.linalg.eigh(quaternion_form(_relative(handle, relative_to)[:3, :3]))
    quaternion = vectors[:, np.argmax(values)]
    return (quaternion * (1 if quaternion[3] >= 0 else -1)).tolist()


def simSetObjectQuaternion(handle, relative_to, quaternion):
    x, y, z, w = quaternion
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix = _relative(handle, relative_to)
    matrix[:3, :3] = np.eye(3) + 2 * w * cross + 2 * cross @ cross
    _place(handle, relative_to, matrix)


def simRotateAroundAxis(matrix, axis, position, angle):
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    whole = np.reshape(matrix, (3, 4))
    shifted = rotation @ (whole[:, 3] - position) + position
    return np.column_stack([rotation @ whole[:, :3], shifted]).ravel().tolist()


def simGetObjectFloatParameter(handle, parameter):
    thing = things[handle]
    if thing.kind == sim_object_visionsensor_type:
        if parameter == sim_visionfloatparam_perspective_angle:
            return float(np.radians(60.0 if "wrist" in thing.name else 40.0))
        return 0.01
    if thing.kind == sim_object_joint_type:
        return thing.parameters.get("velocity", 0.0) if parameter == 2012 else 2.0
    # Bounding boxes: the six numbers of one follow each other.
    first = (sim_objfloatparam_objbbox_max_x, sim_objfloatparam_modelbbox_max_x)
    return thing.size if parameter >= min(first) and parameter % 6 >= first[0] % 6 else -thing.size


def simGetObjectInt32Parameter(handle, parameter):
    return things[handle].parameters.get(parameter, 0)


def simSetObjectInt32Parameter(handle, parameter, value):
    things[handle].parameters[parameter] = value


def simGetVisionSensorResolution(handle):
    get = things[handle].parameters.get
    return [
        get(sim_visionintparam_resolution_x, 128),
        get(sim_visionintparam_resolution_y, 128),
    ]


def simGetVisionSensorImage(handle, resolution):
    image = np.zeros((resolution[1], resolution[0], 3), np.float32)
    image[..., 0] = (clock["steps"] % 100) / 255.0
    image[..., 1] = sum(map(ord, things[handle].name)) % 251 / 255.0
    return image


def simGetConfigurationTree(handle):
    root = things[handle]
    return {
        key: (thing.local.copy(), thing.position, thing.parent)
        for key, thing in things.items()
        if _below(thing, root)
    }


def simSetConfigurationTree(tree):
    for key, (local, position, parent) in tree.items():
        things[key].local, things[key].position = local.copy(), position
        things[key].parent = parent


def simGetJointPosition(handle):
    return things[handle].position


def simSetJointPosition(handle, position):
    things[handle].position = things[handle].target = float(position)


def simGetJointTargetPosition(handle):
    return things[handle].target


def simSetJointTargetPosition(handle, position):
    things[handle].target = float(position)


def simGetJointTargetVelocity(handle):
    return things[handle].velocity


def simSetJointTargetVelocity(handle, velocity):
    things[handle].velocity = velocity


def simGetJointInterval(handle):
    return False, [0.0, 0.04] if things[handle].name in FINGERS else [-3.0, 6.0]


def simCheckProximitySensor(handle, entity):
    sensor = things[handle]
    gap = sensor.world()[:3, 3] - things[entity].world()[:3, 3]
    return int(np.linalg.norm(gap) < sensor.size), [0.0, 0.0, 0.0]


def simCreateDummy(size, colour):
    return add(Thing(f"Dummy{len(things)}", sim_object_dummy_type)).handle


def generateIkPath(group, handles, steps, collision_pairs, options):
    start = np.array([things[handle].position for handle in handles])
    end = solve(named("Panda_target").world(), start)
    if end is None:
        return []
    return np.linspace(start, end, steps).ravel().tolist()


def simExtCallScriptFunction(name, script, ints, floats, strings, buffer):
    return [], [], [], ""  # no path around things is ever found


def simGetConfigForTipPose(*_):
    return []


def simRMLPos(dofs, step, flags, state, limits, selection, target):
    clock["rml"] = {"at": 0.0, "speed": 0.0, "limits": limits, "end": target[0]}
    return 1


def simRMLStep(handle, dt, dofs):
    motion = clock["rml"]
    left = motion["end"] - motion["at"]
    speed, acceleration = motion["limits"][:2]
    braking = np.sqrt(2 * acceleration * max(left, 0.0))
    motion["speed"] = min(speed, motion["speed"] + acceleration * dt, braking)
    motion["at"] = min(motion["end"], motion["at"] + motion["speed"] * dt)
    done = motion["end"] - motion["at"] < 1e-3
    return int(done), [motion["end"] if done else motion["at"], motion["speed"], 0.0]
