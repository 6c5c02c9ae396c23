# SPDX-License-Identifier: Apache-2.0
"""Records episodes, reads cameras and a leader arm."""
