# SPDX-License-Identifier: Apache-2.0
"""Starts the server by the path of this file, without making any other module importable."""

import importlib.util
import sys
from pathlib import Path

_NAME = "genima_rlbench_server"


def _load_package() -> None:
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        _NAME, str(folder / "__init__.py"), submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[_NAME])


if __name__ == "__main__":
    del sys.path[0]  # this folder, whose file names somebody else's modules may have, too
    _load_package()
    sys.exit(importlib.import_module(f"{_NAME}.server").main())
