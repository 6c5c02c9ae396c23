# SPDX-License-Identifier: Apache-2.0
"""Demonstrations on disk: the training format, and the formats that it is made from and into."""
