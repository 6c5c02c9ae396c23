# SPDX-License-Identifier: Apache-2.0
"""PyTorch and the graphics card."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from genima.doctor.computer import Computer
from genima.doctor.finding import Finding, missing, ok, unknown, warning
from genima.doctor.intended import Intended

_LIMIT_S = 60.0
#: What the diffusion model of the paper takes in half precision, with its activations [GiB].
_MEMORY_GIB = 6.0
# In a process of its own: the import takes seconds, and a broken driver may end the process.
_PROBE = """
import json, torch
card = torch.cuda.is_available()
properties = torch.cuda.get_device_properties(0) if card else None
print(json.dumps({
    "version": torch.__version__,
    "built_for": torch.version.cuda,
    "card": properties.name if card else "",
    "memory_gib": properties.total_memory / 2**30 if card else 0.0,
}))
"""


def check_gpu(computer: Computer, _intended: Intended) -> Iterator[Finding]:
    """The driver of the card, and whether PyTorch can use it."""
    driver = computer.read("/proc/driver/nvidia/version")
    if driver is None:
        yield unknown("NVIDIA driver", "none is loaded; models compute on the processor, slowly")
    else:
        yield ok("NVIDIA driver", driver.splitlines()[0])
    done = computer.run([sys.executable, "-c", _PROBE], _LIMIT_S)
    if done.returncode:
        yield judge_failure(done.stderr)
        return
    yield judge_torch(json.loads(done.stdout.splitlines()[-1]), driver is not None)


def judge_failure(error: str) -> Finding:
    """What to do if PyTorch cannot be imported."""
    last = error.strip().splitlines()[-1:] or ["it crashed"]
    return missing("PyTorch", f"cannot be imported: {last[0]}", "pip install 'genima[train]'")


def judge_torch(probe: Mapping[str, Any], driver: bool) -> Finding:
    """What is to be said of what the probe has printed."""
    version, card = probe["version"], probe["card"]
    if card and probe["memory_gib"] < _MEMORY_GIB:
        return warning(
            "PyTorch",
            f"{version} on {card} with {probe['memory_gib']:.1f} GiB",
            f"the paper's diffusion model wants {_MEMORY_GIB:g} GiB; use a smaller one",
        )
    if card:
        return ok("PyTorch", f"{version} on {card} with {probe['memory_gib']:.0f} GiB")
    if not driver:
        return ok("PyTorch", f"{version} on the processor")
    if not probe["built_for"]:
        return missing(
            "PyTorch",
            f"{version} is made for the processor alone, and there is an NVIDIA card",
            "install the build for CUDA, as pytorch.org says for this driver",
        )
    return missing(
        "PyTorch",
        f"{version}, made for CUDA {probe['built_for']}, does not see the card",
        "see whether nvidia-smi works and its CUDA version is at least that one; reboot after an "
        "update of the driver",
    )
