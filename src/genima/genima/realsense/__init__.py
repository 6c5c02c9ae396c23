# SPDX-License-Identifier: Apache-2.0
"""RealSense cameras: live ones by serial number, recorded files, and their supervision."""
