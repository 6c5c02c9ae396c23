# SPDX-License-Identifier: Apache-2.0
"""Steps that run once for each state of their inputs and say what they do."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from workspace.errors import SetupError


def digest(parts: Iterable[str | bytes]) -> str:
    """A fingerprint of texts and file contents, in order."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hasher.update(len(data).to_bytes(8, "big") + data)
    return hasher.hexdigest()


class Stamp:
    """Remembers in a file for which inputs a step was done last.

    Args:
        path: The file.
        inputs: Fingerprint of the inputs as they are now.
    """

    def __init__(self, path: Path, inputs: str) -> None:
        self._path = path
        self._inputs = inputs

    def is_current(self) -> bool:
        """Whether the step was done for these inputs."""
        try:
            return self._path.read_text() == self._inputs
        except OSError:
            return False

    def set(self) -> None:
        """Remember that the step is done."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(self._inputs)

    def clear(self) -> None:
        """Forget it, before the step is done anew: it may be interrupted."""
        self._path.unlink(missing_ok=True)


def run_logged(
    what: str,
    command: Sequence[str | Path],
    log: Path,
    cwd: Path,
    environment: Mapping[str, str],
) -> None:
    """Run a command with its output in a log file.

    Raises:
        SetupError: It failed or does not exist.
    """
    print(f"{what} ...", end=" ", flush=True)
    begin_s = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            code = subprocess.run(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(environment),
            ).returncode
        except OSError as error:
            output.write(str(error).encode())
            code = 127
    if code != 0:
        print("failed", flush=True)
        raise SetupError(f"{what} failed with exit code {code}; what it printed is in {log}.")
    print(f"{time.monotonic() - begin_s:.0f} s", flush=True)
    sys.stdout.flush()
