# SPDX-License-Identifier: Apache-2.0
"""The services `approve` and `reject`: the operator's answer to the drawn target."""

from collections.abc import Callable

from std_srvs.srv import Trigger

from genima.errors import GenimaError
from genima_ros.lifecycle import GenimaNode


class ConsentServices:
    """Offers both services.

    Args:
        node: Offers them.
        approve: Follows the target that waits; raises GenimaError if none does.
        reject: Has another one drawn; raises likewise.
    """

    def __init__(
        self, node: GenimaNode, approve: Callable[[], None], reject: Callable[[], None]
    ) -> None:
        self._node = node
        for name, answer, done in (
            ("approve", approve, "the arm follows the drawn target"),
            ("reject", reject, "the arm stands; another target is drawn"),
        ):
            node.serve(Trigger, name, self._handler(name, answer, done))

    def _handler(
        self, name: str, answer: Callable[[], None], done: str
    ) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
        def handle(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            try:
                answer()
                response.success, response.message = True, done
                self._node.get_logger().info(f"the operator's answer: {name}")
            except GenimaError as error:
                response.success, response.message = False, str(error)
            return response

        return handle
