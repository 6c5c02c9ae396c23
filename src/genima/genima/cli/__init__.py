# SPDX-License-Identifier: Apache-2.0
"""The `genima` command line: one file per verb."""
