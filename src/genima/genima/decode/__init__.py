# SPDX-License-Identifier: Apache-2.0
"""Reads a drawn tile back: which joint configuration its spheres show, and how sure that is."""

from genima.decode.decoder import TargetDecoder
from genima.decode.target import DecodedTarget, Verdict

__all__ = ["DecodedTarget", "TargetDecoder", "Verdict"]
