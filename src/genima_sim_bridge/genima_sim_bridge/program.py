# SPDX-License-Identifier: Apache-2.0
"""Programs that speak to the nodes and end when their work is done: their main function."""

import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import rclpy
from rclpy.node import Node

from genima.errors import GenimaError, InvalidParameter
from genima_ros.parameters import declare_parameters, read_parameters
from genima_ros.program import start_program
from genima_sim_bridge.world_client import GraphFault, Interrupted

EXIT_BAD_INPUT = 2
EXIT_GRAPH_FAULT = 3

Work = Callable[[Node, Any, threading.Event], None]


def run_program(name: str, schema: type, folder: str, work: Work) -> NoReturn:
    """Do the work and exit: 0 when it is done, 2 for bad input, 3 when the graph is broken.

    Args:
        name: Name of the node.
        schema: Dataclass of its parameters.
        folder: The parameter that names the folder to work on.
        work: Gets the node, the parameters and an event that is set when the work is to end.
    """
    stop = start_program()
    node = Node(name)
    code = _run(node, schema, folder, lambda parameters: work(node, parameters, stop))
    node.destroy_node()
    rclpy.try_shutdown()
    sys.exit(code)


def _run(node: Node, schema: type, folder: str, work: Callable[[Any], None]) -> int:
    try:
        declare_parameters(node, schema)
        parameters = read_parameters(node, schema)
        if not getattr(parameters, folder):
            raise InvalidParameter(
                f"parameter {folder!r} is empty; name a folder that the command line has made"
            )
        work(parameters)
    except Interrupted:
        return 0
    except GraphFault as fault:
        node.get_logger().error(str(fault))
        return EXIT_GRAPH_FAULT
    except GenimaError as error:
        node.get_logger().error(str(error))
        return EXIT_BAD_INPUT
    return 0
