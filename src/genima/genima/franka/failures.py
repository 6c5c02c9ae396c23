# SPDX-License-Identifier: Apache-2.0
"""What franky and libfranka complain of, as sentences that say what to do."""

from collections.abc import Sequence
from typing import NamedTuple

from genima.errors import ArmError
from genima.franka.types import ArmMode, ArmTrouble

_RECOVER = "see what it touched, then recover"


class ArmFailure(ArmError):
    """An arm cannot be used, for a cause that is known.

    Args:
        sentence: Why, and what to do.
        trouble: The cause.
    """

    def __init__(self, sentence: str, trouble: ArmTrouble) -> None:
        super().__init__(sentence)
        self.trouble = trouble


class _Cause(NamedTuple):
    """A complaint that is known by the class of an exception, words in its message, or both."""

    kinds: tuple[str, ...]
    words: str
    sentence: str
    trouble: ArmTrouble


# The first that fits counts. Not all classes of franky have a common base, so they go by name.
_CAUSES: Sequence[_Cause] = (
    _Cause(
        ("IncompatibleVersionException", "ProtocolException"),
        "",
        "it and the installed franky-control speak different versions of the protocol; install "
        "the wheel for this robot (docs/robot.md, section 5)",
        ArmTrouble.WRONG_SOFTWARE,
    ),
    _Cause(
        ("RealtimeException",),
        "",
        "a real-time kernel is required; boot one with PREEMPT_RT and allow the user rtprio 99, "
        "or set realtime to ignore if this is a simulation",
        ArmTrouble.NO_REALTIME,
    ),
    _Cause(
        (),
        "fci refused",
        "nothing answers there; unlock the joints and activate FCI in Desk, or see whether the "
        "address is right",
        ArmTrouble.NETWORK,
    ),
    _Cause(
        (),
        "communication_constraints_violation",
        "commands came too late; use a real-time kernel and a direct network cable, then recover",
        ArmTrouble.TOO_LATE,
    ),
    _Cause(
        (),
        "user stop",
        "the user stop is pressed; release it, then recover",
        ArmTrouble.USER_STOP,
    ),
    _Cause(
        (),
        '"guiding"',
        "it is guided by hand; let go of its buttons, then recover",
        ArmTrouble.GUIDED,
    ),
    _Cause(
        (),
        '"other"',
        "it is not ready; unlock the joints in Desk, then recover",
        ArmTrouble.NOT_READY,
    ),
    _Cause((), "reflex", f"it stopped by a reflex; {_RECOVER}", ArmTrouble.REFLEX),
    _Cause(
        ("NetworkException",),
        "",
        "the network connection failed; check cable, address and power, then recover",
        ArmTrouble.NETWORK,
    ),
    _Cause(
        (),
        "net exception",
        "the network connection failed; check cable, address and power, then recover",
        ArmTrouble.NETWORK,
    ),
    _Cause(
        ("InvalidOperationException",),
        "",
        "another motion or reading is in progress; wait for it, then recover",
        ArmTrouble.REFUSED,
    ),
    _Cause(
        ("TorqueSignalTimeoutException",),
        "",
        "the control thread was too late; lighten the computer's load, then recover",
        ArmTrouble.TOO_LATE,
    ),
    _Cause(
        ("ControlException", "CommandException"),
        "",
        f"it refused the command; {_RECOVER}",
        ArmTrouble.REFUSED,
    ),
    _Cause(("GripperException",), "", "the gripper refused; home it in Desk", ArmTrouble.REFUSED),
)
_UNKNOWN = _Cause(
    (), "", "this is not known (docs/teleop.md); recover, or start again", ArmTrouble.REFUSED
)

_MODES = {
    ArmMode.USER_STOPPED: (
        ArmTrouble.USER_STOP,
        "the user stop is pressed; release it, then recover",
    ),
    ArmMode.REFLEX: (ArmTrouble.REFLEX, f"it stopped by a reflex; {_RECOVER}"),
    ArmMode.GUIDING: (ArmTrouble.GUIDED, "it is guided by hand; let go of its buttons"),
    ArmMode.OTHER: (
        ArmTrouble.NOT_READY,
        "it is not ready; unlock the joints and activate FCI in Desk, then recover",
    ),
    ArmMode.AUTOMATIC_ERROR_RECOVERY: (
        ArmTrouble.NOT_READY,
        "it recovers from an error; wait a moment",
    ),
}


def arm_error(error: Exception, name: str, host: str) -> ArmFailure:
    """An exception of franky as an error of ours.

    Args:
        error: What franky raised.
        name: What people call the arm.
        host: Its address.
    """
    kind, text = type(error).__name__, str(error).removeprefix("libfranka: ").strip()
    cause = next((cause for cause in _CAUSES if _fits(cause, kind, text)), _UNKNOWN)
    return ArmFailure(f"{name} at {host}: {cause.sentence} [{kind}: {text}]", cause.trouble)


def connection_lost(error: Exception) -> bool:
    """Whether an exception of franky means that the connection is of no more use."""
    return type(error).__name__ == "NetworkException" or "Net Exception" in str(error)


def mode_fault(mode: ArmMode, name: str) -> str:
    """Why an arm in some mode cannot be used; empty if it can."""
    return f"{name}: {_MODES[mode][1]}" if mode in _MODES else ""


def mode_trouble(mode: ArmMode) -> ArmTrouble | None:
    """The same as a cause; None if it can be used."""
    return _MODES[mode][0] if mode in _MODES else None


def _fits(cause: _Cause, kind: str, text: str) -> bool:
    return (not cause.kinds or kind in cause.kinds) and cause.words in text.lower()
