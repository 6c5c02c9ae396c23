# SPDX-License-Identifier: Apache-2.0
"""An emergency stop on a keyboard: `genima estop`."""
