# SPDX-License-Identifier: Apache-2.0
"""Sets up the workspace with nothing but Python's standard library."""
