# SPDX-License-Identifier: Apache-2.0
"""What runs in RLBench's own Python, 3.8 to 3.11: no ROS, no torch, nothing else of genima.

It is run by the path of `__main__.py`. `genima.rlbench` is the other side; both share `wire`.
"""
