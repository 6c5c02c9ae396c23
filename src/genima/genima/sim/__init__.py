# SPDX-License-Identifier: Apache-2.0
"""Simulated worlds, their tasks and the experts that do them."""
