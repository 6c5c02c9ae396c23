# SPDX-License-Identifier: Apache-2.0
"""The Parquet files of a LeRobotDataset v3."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from genima.data.lerobot_layout import (
    ACTION,
    DATA_PATH,
    EPISODES_PATH,
    INDEX_FEATURES,
    STATE,
    TASKS_PATH,
)

#: The column that pandas takes for the index of a table without named index.
_INDEX = "__index_level_0__"
_STATE_SIZE = 8
_FIRST = {"chunk_index": 0, "file_index": 0}


class FrameTable:
    """The numbers of all frames, written episode by episode.

    Args:
        root: Of the data set.
    """

    def __init__(self, root: Path) -> None:
        vector = pa.list_(pa.float32(), _STATE_SIZE)
        fields = [(STATE, vector), (ACTION, vector)]
        fields += [(name, pa.type_for_alias(dtype)) for name, dtype in INDEX_FEATURES.items()]
        self._schema = pa.schema(fields)
        path = _made(root / DATA_PATH.format(**_FIRST))
        self._writer = pq.ParquetWriter(path, self._schema)

    def add(self, columns: dict[str, Any]) -> None:
        """Write the frames of an episode: for each feature one row for each frame."""
        arrays = {name: list(values) for name, values in columns.items()}
        self._writer.write_table(pa.table(arrays, schema=self._schema))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def write_episodes(root: Path, rows: Sequence[dict[str, Any]]) -> None:
    """One row for each episode: its frames, where its data and videos are, its statistics."""
    table = pa.Table.from_pylist(list(rows))
    pq.write_table(table, _made(root / EPISODES_PATH.format(**_FIRST)))


def write_tasks(root: Path, instructions: Sequence[str]) -> None:
    """The instructions, which LeRobot reads with pandas as the index of a table."""
    table = pa.table(
        {
            "task_index": pa.array(range(len(instructions)), pa.int64()),
            _INDEX: pa.array(instructions, pa.string()),
        }
    )
    pandas = {
        "index_columns": [_INDEX],
        "column_indexes": [],
        "columns": [
            _pandas_column("task_index", "task_index", "int64", "int64"),
            _pandas_column(None, _INDEX, "unicode", "object"),
        ],
        "pandas_version": "2.2.0",
    }
    table = table.replace_schema_metadata({"pandas": json.dumps(pandas)})
    pq.write_table(table, _made(root / TASKS_PATH))


def _pandas_column(name: str | None, field: str, kind: str, numpy: str) -> dict[str, Any]:
    return {
        "name": name,
        "field_name": field,
        "pandas_type": kind,
        "numpy_type": numpy,
        "metadata": None,
    }


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
