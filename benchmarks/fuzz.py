# SPDX-License-Identifier: Apache-2.0
"""Malformed and hostile messages on every subscription of every node, over real DDS.

    python benchmarks/fuzz.py [--messages 10000] [--nodes NODE ...] [--seed 0] [--realtime]

Each node runs in a process of its own, with franky-sim where it wants an arm. Messages are made
from the definitions of their types (tests/hostile_messages.py); good ones come in between, so that
the controller follows targets, the recorder records and so on. For each topic the table says how
many were sent, how many reached the node's callback (the middleware drops what cannot be decoded),
exceptions, defects that the node reported, commands checked and those outside the limits, and by
how much the process grew while the second half was sent.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.fuzz_cases import NODES, PROGRAMS, case_of  # noqa: E402
from tests.node_fuzzer import NodeFuzzer, TopicResult, fuzzed  # noqa: E402

from genima.evaluation.domain import claim_domain  # noqa: E402

_HEAD = "| node | topic | sent | taken | exceptions | defects | commands | faults | KiB | s |"


def fuzz_node(name: str, messages: int, seed: int, pacing: str) -> None:
    """Fuzz one node; a line of JSON for each topic."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        domain = stack.enter_context(claim_domain())
        case = stack.enter_context(case_of(name, folder, pacing))
        if case.listens and not (case.needs and find_spec(case.needs) is None):
            fuzzer = stack.enter_context(fuzzed(case, domain, seed))
            for topic in fuzzer.topics:
                result = fuzzer.fuzz(topic, messages)
                print(json.dumps(report(name, topic, result, fuzzer)), flush=True)
                fuzzer.defects.clear()
                fuzzer.world.faults.clear()


def report(name: str, topic: str, result: TopicResult, fuzzer: NodeFuzzer) -> dict:
    """What became of a topic, as JSON can hold it."""
    return {
        "node": name,
        "topic": topic,
        "sent": result.sent,
        "taken": result.taken,
        "exceptions": result.errors.most_common(5),
        "defects": fuzzer.defects[:5],
        "commands": fuzzer.world.commands + fuzzer.world.states,
        "faults": fuzzer.world.faults[:5],
        "grown_kib": result.grown_kib,
        "seconds": round(result.seconds, 1),
    }


def main() -> int:
    """Fuzz the nodes one after the other; exit status 1 if one broke."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=10_000, help="on each topic")
    parser.add_argument(
        "--nodes",
        nargs="+",
        default=[*NODES, *PROGRAMS],
        choices=[*NODES, *PROGRAMS],
        metavar="NODE",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--realtime", action="store_true", help="the controller too; on an idle machine only"
    )
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        pacing = "realtime" if arguments.realtime else "lockstep"
        fuzz_node(arguments.nodes[0], arguments.messages, arguments.seed, pacing)
        return 0
    print(_HEAD)
    print("|---" * (_HEAD.count("|") - 1) + "|")
    broken = False
    for name in arguments.nodes:
        words = ["--one", "--nodes", name, "--messages", str(arguments.messages)]
        words += ["--seed", str(arguments.seed), *["--realtime"] * arguments.realtime]
        command = [sys.executable, __file__, *words]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as child:
            for line in child.stdout or ():
                broken |= show(json.loads(line))
        if child.returncode:
            broken = True
            print(f"| {name} | the process ended with {child.returncode} |", flush=True)
    return int(broken)


def show(line: dict) -> bool:
    """Print a row, and what was wrong; returns whether anything was."""
    wrong = [*line["exceptions"], *line["defects"], *line["faults"]]
    counts = (len(line["exceptions"]), len(line["defects"]), line["commands"], len(line["faults"]))
    cells = [line["node"], line["topic"], line["sent"], line["taken"], *counts]
    cells += [line["grown_kib"], line["seconds"]]
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    for thing in wrong:
        print(f"    {thing}", flush=True)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
