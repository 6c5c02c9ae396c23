# SPDX-License-Identifier: Apache-2.0
"""The tasks of the embedded world. A new task is one new file here, and nothing else.

Every concrete `Task` in a module of this package is found by its `name`. A whole task::

    class LiftCube(Task):
        name = "lift_cube"

        def descriptions(self, variation):
            return ("lift the cube", "pick up the cube")

        def build(self, spec):  # in panda_link0: x ahead, z up, the table top at z = 0
            cube = spec.worldbody.add_body(name="cube")
            cube.add_freejoint(name="cube_joint")
            look = props.add_material(spec, "cube", (0.8, 0.6, 0.3))
            props.add_collider(cube, BOX, (0.02, 0.02, 0.02), material=look)

        def place(self, model, data, rng):  # resampled until the arm reaches every waypoint
            at = (rng.uniform(0.3, 0.6), rng.uniform(-0.2, 0.2), 0.02)
            props.free_body(model, data, "cube_joint", at, rng.uniform(-0.7, 0.7))

        def success(self, model, data):
            return data.body("cube").xpos[2] > 0.1

        def waypoints(self, model, data):  # from wherever the cube is now
            cube, yaw = data.body("cube").xpos, props.yaw_of(data, "cube")
            reach = props.top_down(cube, yaw)
            above, lift = (props.top_down(cube + (0, 0, z), yaw) for z in (0.10, 0.15))
            return (
                Waypoint("above", above, gripper_open=True),
                Waypoint("reach", reach, True, speed_m_s=0.12, straight=True),
                Waypoint("grasp", reach, gripper_open=False),
                Waypoint("lift", lift, False, speed_m_s=0.15, straight=True),
            )

Two rules come from the follower, who takes only the position one second ahead: make a waypoint of
every contact, grasp and turn-around, and be content with a centimetre.
"""
