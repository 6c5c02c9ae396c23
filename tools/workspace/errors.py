# SPDX-License-Identifier: Apache-2.0
"""The one error of the set-up."""


class SetupError(Exception):
    """Something keeps the workspace from being set up; the message says what to do."""
