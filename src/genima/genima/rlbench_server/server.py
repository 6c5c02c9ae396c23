# SPDX-License-Identifier: Apache-2.0
"""Answers requests on a socket that was inherited; ends with the other side.

Requests: `launch`, `reset`, `step` and `demonstrate`. Answers: `done`; `refused`, after which the
simulator is as good as before; `failed`, after which this process ends. A demonstration comes as
one `observation` for each step before `done`.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import platform
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any

from . import wire
from .simulation import RENDERERS, Refused, Simulation, arrays_of, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_SEED = 2**63


class Server:
    """Does what requests ask for.

    Args:
        connection: Where answers go.
    """

    def __init__(self, connection: wire.Connection) -> None:
        self._connection = connection
        self._simulation: Simulation | None = None

    def greet(self) -> None:
        """Say who this is."""
        self._connection.send("hello", {"python": platform.python_version()}, {})

    def answer(self, request: wire.Message) -> bool:
        """Do what is asked for, and say what came of it; false if nothing can be done after it."""
        operations = {
            "launch": self._launch,
            "reset": self._reset,
            "step": self._step,
            "demonstrate": self._demonstrate,
        }
        try:
            if request.kind not in operations:
                raise Refused(f"there is no request {request.kind!r}")
            values, arrays = operations[request.kind](request)
        except Refused as refusal:
            self._connection.send("refused", {"sentence": str(refusal)}, {})
            return True
        except wire.Closed:
            raise
        except Exception as error:  # whatever RLBench, PyRep or CoppeliaSim come up with
            traceback.print_exc()
            kind = type(error).__name__
            self._connection.send("failed", {"error": kind, "text": str(error)}, {})
            return False
        self._connection.send("done", values, arrays)
        return True

    def _launch(self, request: wire.Message) -> tuple[dict[str, Any], dict[str, Any]]:
        size = _number(request.values, "image_size_px", 16, 1024)
        renderer = request.values.get("renderer")
        if renderer not in RENDERERS:
            raise Refused(f"renderer is {renderer!r}; allowed: {', '.join(RENDERERS)}")
        if self._simulation is not None:
            raise Refused("the simulator is running already")
        self._simulation = Simulation(size, renderer)
        return {}, {}

    def _reset(self, request: wire.Message) -> tuple[dict[str, Any], dict[str, Any]]:
        episode = self._begin(request, bool(request.values.get("demonstrate")))
        arrays = arrays_of(episode.observation)
        if episode.demo is not None:
            arrays.update(path_of(episode.demo))
        return {"descriptions": episode.descriptions, "scene": episode.scene}, arrays

    def _step(self, request: wire.Message) -> tuple[dict[str, Any], dict[str, Any]]:
        action = request.arrays.get("action")
        if action is None or action.shape != (8,):
            raise Refused("a step needs an action of shape (8,)")
        observation, success = self._launched().step(action)
        return {"success": success}, arrays_of(observation)

    def _demonstrate(self, request: wire.Message) -> tuple[dict[str, Any], dict[str, Any]]:
        episode = self._begin(request, demonstrate=True)
        for index in range(len(episode.demo)):
            self._connection.send("observation", {}, arrays_of(episode.demo[index]))
        return {"descriptions": episode.descriptions}, {}

    def _begin(self, request: wire.Message, demonstrate: bool) -> Any:
        values = request.values
        return self._launched().reset(
            str(values.get("task_file")),
            _number(values, "variation", 0, 10**6),
            _number(values, "seed", 0, _MOST_SEED),
            demonstrate,
            _number(values, "attempts", 1, 100),
        )

    def _launched(self) -> Simulation:
        if self._simulation is None:
            raise Refused("the simulator is not running yet; launch it first")
        return self._simulation


def _number(values: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = values.get(name)
    if type(value) is not int or not least <= value <= most:
        raise Refused(f"{name} is {value!r}; give a whole number from {least} to {most}")
    return value


def main() -> int:
    """Serve until the other side closes the connection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="the inherited socket")
    arguments = parser.parse_args()
    faulthandler.enable()
    connection = wire.Connection(socket.socket(fileno=arguments.fd))
    server = Server(connection)
    code = 0
    try:
        server.greet()
        while server.answer(connection.receive()):
            pass
    except wire.Closed:
        pass
    except wire.WireError as error:
        print(error, file=sys.stderr)
        code = 2
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # an orderly end of CoppeliaSim may hang or crash; there is nothing to save
