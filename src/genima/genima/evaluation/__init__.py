# SPDX-License-Identifier: Apache-2.0
"""Evaluations: what is to be run, what came out, and what it amounts to."""
