# SPDX-License-Identifier: Apache-2.0
"""Draws sphere targets on the live camera images."""
