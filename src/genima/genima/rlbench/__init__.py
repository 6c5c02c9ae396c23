# SPDX-License-Identifier: Apache-2.0
"""RLBench, which runs in a process and a Python of its own, as a world of the suite."""
