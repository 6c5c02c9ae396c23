# SPDX-License-Identifier: Apache-2.0
"""Agents that draw target tiles: the oracle, and learned models of every size."""
