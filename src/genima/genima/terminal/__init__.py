# SPDX-License-Identifier: Apache-2.0
"""Terminals of operators: keys in, a live screen out, or lines both ways."""
