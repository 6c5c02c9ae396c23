# SPDX-License-Identifier: Apache-2.0
"""How long the controller takes for one chunk, run in several ways, on one core.

The network alone, without cutting up and resizing the tile, which is timed beside it. Times are
CPU times of this process. ONNX Runtime and OpenVINO are tried where they are installed
(pip install onnx onnxscript onnxruntime openvino); the suite does not need them.

OMP_NUM_THREADS=1 python benchmarks/controller.py [--preset tiny] [--policy DIR] [--device cuda]
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from genima.act.checkpoint import ActCheckpoint
from genima.act.config import preset
from genima.act.language import SIZES
from genima.act.model import Act, ActInput, channels_last
from genima.act.predictor import ActPredictor
from genima.control.planner import Seen
from genima.kinematics import Q_HOME

Run = Callable[[], Tensor]
console = Console()


class Plain(nn.Module):
    """The network with tensors in and one tensor out, as exporters want it."""

    def __init__(self, network: Act) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, state: Tensor, language: Tensor) -> Tensor:
        """Joints and gripper of the chunk side by side."""
        out = self.network(ActInput(images, state, language))
        return torch.cat([out.joints, out.gripper_logit[..., None]], dim=-1)


def main(
    preset_name: Annotated[str, typer.Option("--preset", help="tiny or paper.")] = "tiny",
    policy: Annotated[Path | None, typer.Option(help="Folder with a trained controller/.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    rounds: Annotated[int, typer.Option(help="Repetitions.")] = 50,
    compiled: Annotated[bool, typer.Option(help="Also try torch.compile.")] = True,
) -> None:
    """Time every way of running the same weights on the same input."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    checkpoint = None if policy is None else ActCheckpoint.load(policy / "controller")
    config = preset(preset_name) if checkpoint is None else checkpoint.config
    network = Act(config, SIZES[config.language]) if checkpoint is None else checkpoint.network()
    size = config.source_size_px
    inputs = (
        torch.randn(1, len(config.cameras), 3, size, size),
        torch.randn(1, 8),
        nn.functional.normalize(torch.randn(1, SIZES[config.language]), dim=-1),
    )
    table = Table(title=f"{preset_name if policy is None else policy}, one chunk, {device}")
    for name in ("way", "median ms", "least ms", "times fp32", "largest difference"):
        table.add_column(name, justify="left" if name == "way" else "right")
    first: tuple[float, Tensor] | None = None
    with TemporaryDirectory() as folder, torch.inference_mode():
        for name, run in ways(Plain(network.eval()), inputs, device, compiled, Path(folder)):
            output = run().float().cpu()
            times_ms = timed(run, rounds, device)
            middle = median(times_ms)
            first = (middle, output) if first is None else first
            table.add_row(
                name,
                f"{middle:.1f}",
                f"{min(times_ms):.1f}",
                f"{first[0] / middle:.2f}",
                f"{float((output - first[1]).abs().max()):.1e}",
            )
    console.print(table)
    if checkpoint is not None:
        whole_prediction(checkpoint, device, rounds)


def ways(
    network: Plain, inputs: tuple[Tensor, ...], device: str, compiled: bool, folder: Path
) -> Iterator[tuple[str, Run]]:
    """All ways that are there, fp32 first."""
    network = network.to(device)
    given = tuple(tensor.to(device) for tensor in inputs)
    yield "PyTorch fp32", lambda: network(*given)
    if compiled:
        faster = torch.compile(network)
        yield "  compiled", lambda: faster(*given)
    if device == "cpu":
        yield from exported(network, inputs, folder)
    channels_last(network.network)
    yield "  channels_last", lambda: network(*given)

    def half() -> Tensor:
        with torch.autocast(device, torch.bfloat16):
            return network(*given)

    yield "  bf16, channels_last", half


def exported(
    network: Plain, inputs: tuple[Tensor, ...], folder: Path
) -> Iterator[tuple[str, Run]]:
    """ONNX Runtime and OpenVINO, where they are installed."""
    path = folder / "controller.onnx"
    try:
        import onnxruntime

        with torch.inference_mode(False), torch.no_grad():
            torch.onnx.export(network, inputs, path, dynamo=True, verbose=False)
    except ImportError as error:
        console.print(f"without ONNX Runtime and OpenVINO: {error}")
        return
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed: dict[str, Any] = {
        given.name: tensor.numpy()
        for given, tensor in zip(session.get_inputs(), inputs, strict=True)
    }
    yield "ONNX Runtime", lambda: torch.from_numpy(session.run(None, feed)[0])
    try:
        import openvino
    except ImportError as error:
        console.print(f"without OpenVINO: {error}")
        return
    core = openvino.Core()
    for name, hint in (("OpenVINO fp32", "f32"), ("OpenVINO bf16", "bf16")):
        settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": hint}
        model = core.compile_model(core.read_model(path), "CPU", settings)
        yield name, partial(through_openvino, model, [tensor.numpy() for tensor in inputs])


def through_openvino(model: Any, arrays: list[np.ndarray]) -> Tensor:
    """One chunk of a compiled model."""
    return torch.from_numpy(np.array(model(arrays)[0]))


def timed(run: Callable[[], object], rounds: int, device: str) -> list[float]:
    """Milliseconds of each round: CPU time, or on a GPU wall time until it is done."""
    for _ in range(5):
        run()
    times_ms = []
    for _ in range(rounds):
        if device == "cpu":
            began_s = process_time()
            run()
            times_ms.append(1e3 * (process_time() - began_s))
        else:
            torch.cuda.synchronize()
            began_s = perf_counter()
            run()
            torch.cuda.synchronize()
            times_ms.append(1e3 * (perf_counter() - began_s))
    return times_ms


def whole_prediction(checkpoint: ActCheckpoint, device: str, rounds: int) -> None:
    """From a drawn tile to a chunk in radians, as the node does it."""
    predictor = ActPredictor(checkpoint, checkpoint.policy, device=device)
    side = 2 * checkpoint.policy.image_size_px
    tile = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    seen = Seen(Q_HOME, True, next(iter(checkpoint.goals)))
    times_ms = timed(lambda: predictor.predict(tile, seen), rounds, device)
    console.print(f"whole prediction, as the node makes it: {median(times_ms):.1f} ms")


if __name__ == "__main__":
    typer.run(main)
