# SPDX-License-Identifier: Apache-2.0
"""Turns drawn targets into joint trajectories."""
