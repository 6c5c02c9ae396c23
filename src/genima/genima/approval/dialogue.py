# SPDX-License-Identifier: Apache-2.0
"""What the operator is shown and asked, whatever shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from genima.approval.target import Motion, ShownTarget, motion_between
from genima.arrays import Array, Float
from genima.control.session_types import SessionState
from genima.terminal.printable import printable

#: The controller repeats its status once a second; after this silence it is not there [s].
_SILENCE_S = 3.0
#: A target and the status that asks for consent come on two topics, in any order [s].
_TARGET_LIMIT_S = 2.0


class Order(Enum):
    """What an operator can say."""

    APPROVE = "approve"
    REJECT = "reject"
    QUIT = "quit"


KEYS: Mapping[str, Order] = MappingProxyType(
    {"y": Order.APPROVE, "n": Order.REJECT, "q": Order.QUIT}
)


@dataclass(frozen=True)
class ControllerView:
    """The controller's status, as far as it matters here; see ControllerStatus."""

    state: SessionState
    reason: str
    instruction: str
    chunks: int
    fit: float

    def __post_init__(self) -> None:
        for name in ("reason", "instruction"):  # what others send must not steer a terminal
            object.__setattr__(self, name, printable(getattr(self, name)))


@dataclass(frozen=True, eq=False)
class ApprovalView:
    """All that there is to be shown.

    Attributes:
        controller: Its newest status; None while nothing came, or nothing comes any more.
        heard: Whether a status ever came.
        target: What it wants to do; None if that is not known.
        motion: The way there; None without a target or joint states.
        asks: Whether it waits for an answer that can be given now.
        asked_for_s: How long it has, with this target [s].
        message: What became of the last answer.
        failed: Whether that was nothing.
    """

    controller: ControllerView | None = None
    heard: bool = False
    target: ShownTarget | None = None
    motion: Motion | None = None
    asks: bool = False
    asked_for_s: float = 0.0
    message: str = ""
    failed: bool = False


class ApprovalDialogue:
    """Knows the state of the conversation; time is given, never read."""

    def __init__(self) -> None:
        self._controller: ControllerView | None = None
        self._heard_s = -_SILENCE_S
        self._asked_s = 0.0
        self._target: ShownTarget | None = None
        self._q: Float[Array, "7"] | None = None
        self._waiting_for: Order | None = None
        self._answered: ShownTarget | None = None  # what it is about
        self._message, self._failed = "", False

    def hear(self, status: ControllerView, now_s: float) -> None:
        """Take in a status."""
        awaiting = status.state is SessionState.AWAITING_APPROVAL
        if awaiting and not self._awaiting:
            self._asked_s = now_s
            self._message = ""
        if not awaiting:
            self._target = None  # what it asks about next comes anew
        self._controller, self._heard_s = status, now_s

    def see(self, target: ShownTarget | None, now_s: float) -> None:
        """Take in what the controller shows of its next motion; None if that cannot be read."""
        new = target is not None and (
            self._target is None or target.stamp_s != self._target.stamp_s
        )
        if new:
            self._asked_s = now_s
        self._target = target

    def feel(self, q: Float[Array, "7"], now_s: float) -> None:
        """Take in where the arm is [rad]."""
        if self._q is None:
            self._asked_s = now_s  # only now is there a motion to look at
        self._q = q

    @property
    def pending(self) -> bool:
        """Whether an answer was sent and nothing has come back yet."""
        return self._waiting_for is not None

    def press(self, order: Order, now_s: float, looked: bool) -> Order | None:
        """What is to be done about an order; None if nothing.

        Args:
            order: What the operator said.
            now_s: The time [s].
            looked: Whether this target had been shown when it was said.
        """
        if order is Order.QUIT:
            return order
        view = self.view(now_s)
        if self.pending or not view.asks:
            self._say("the controller does not ask for consent now", failed=True)
            return None
        if not looked:
            self._say("this is a new target: look at it, then answer again", failed=True)
            return None
        if order is Order.APPROVE and view.motion is None:
            self._say("what it wants to do is not shown: refuse it", failed=True)
            return None
        self._waiting_for, self._answered = order, view.target
        self._say(f"{order.value}: sent")
        return order

    def answer(self, success: bool, words: str) -> None:
        """Take in what the controller says to an order."""
        order, self._waiting_for = self._waiting_for, None
        if success and self._target is self._answered:
            self._target = None  # a question that follows at once is about another one
        done = f"{order.value}: " if order else ""
        self._say(done + (words or ("done" if success else "refused")), failed=not success)

    def view(self, now_s: float) -> ApprovalView:
        """What is to be shown now."""
        here = now_s - self._heard_s < _SILENCE_S
        motion = None
        if self._target is not None and self._q is not None:
            motion = motion_between(self._q, self._target.q)
        view = ApprovalView(
            controller=self._controller if here else None,
            heard=self._controller is not None,
            target=self._target,
            motion=motion,
            asked_for_s=now_s - self._asked_s,
            message=self._message,
            failed=self._failed,
        )
        shown = motion is not None or now_s - self._asked_s > _TARGET_LIMIT_S
        return replace(view, asks=here and self._awaiting and shown)

    @property
    def _awaiting(self) -> bool:
        controller = self._controller
        return controller is not None and controller.state is SessionState.AWAITING_APPROVAL

    def _say(self, message: str, failed: bool = False) -> None:
        self._message, self._failed = message, failed
