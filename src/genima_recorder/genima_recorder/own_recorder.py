# SPDX-License-Identifier: Apache-2.0
"""The recorder that `genima record` starts: its parameters, and whether its data set fits them."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from genima.cameras import load_rig
from genima.cli.launch import parse_arguments
from genima.errors import InvalidDataset, InvalidParameter
from genima.launching.parameters import Value, infer_value
from genima.launching.substitution import Scope
from genima.recording.dataset import (
    CAMERAS_FILE,
    ImageStorage,
    differences,
    read_dataset,
    rig_differences,
)
from genima_recorder.recorder_parameters import RecorderParameters
from genima_recorder.recorder_process import RecorderProcess
from genima_recorder.recorder_streams import stream_specs
from genima_ros.parameters import check_parameters
from genima_ros.policies import make_rig


def own_recorder(arguments: argparse.Namespace) -> RecorderProcess:
    """The recorder that the command line asks for; entering it starts it.

    Raises:
        InvalidParameter: A parameter is unknown or out of its range.
        CalibrationError: The cameras' file cannot be read.
        InvalidDataset: The data set to go on with was recorded otherwise.
    """
    params_file = arguments.config_dir / "recorder.yaml"
    scope = Scope({}, {}, Path())
    given: dict[str, Value] = {"cameras_file": str(arguments.config_dir / "cameras.yaml")}
    for name, text in parse_arguments(arguments.parameters).items():
        given[name] = infer_value(text, scope)
    given |= {"dataset": str(arguments.out), "resume": arguments.resume}
    parameters = check_parameters(_read(params_file) | given, RecorderParameters, "the recorder")
    if arguments.resume:
        require_same(arguments.out, parameters)
    return RecorderProcess(arguments.namespace, params_file, given)


def require_same(path: Path, parameters: RecorderParameters) -> None:
    """Refuse a data set whose cameras, rates or storage are others.

    What only the messages tell, sizes of images and names of joints, the recorder compares at the
    first start of a take.

    Raises:
        InvalidDataset: Something differs; a line for each.
    """
    stored, rig = read_dataset(path), make_rig(parameters.cameras_file)
    specs = stream_specs(parameters, rig.cameras)
    wanted = replace(
        stored,
        rates_hz={spec.topic: round(1.0 / spec.period_s, 3) for spec in specs if spec.period_s},
        image_storage=ImageStorage(parameters.image_storage),
        jpeg_quality=parameters.jpeg_quality,
    )
    lines = differences(stored, wanted) + rig_differences(load_rig(path / CAMERAS_FILE), rig)
    if lines:
        raise InvalidDataset(
            "\n  ".join([f"{path} was recorded otherwise, so nothing is added to it:", *lines])
            + "\nset it as before, or give another --out"
        )


def _read(params_file: Path) -> dict[str, Any]:
    try:
        (section,) = yaml.safe_load(params_file.read_text()).values()
        return dict(section["ros__parameters"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise InvalidParameter(
            f"{params_file} cannot be read as parameters of the recorder: {error}; give a "
            "--config-dir that has a recorder.yaml like config/recorder.yaml"
        ) from error
