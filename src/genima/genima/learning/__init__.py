# SPDX-License-Identifier: Apache-2.0
"""What the trainings of both stages have in common."""
