# SPDX-License-Identifier: Apache-2.0
"""Who may import whom, and how big things may get."""

import ast
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "src"
LIBRARY = SOURCES / "genima" / "genima"
NODE_PACKAGES = (
    "genima_diffusion_node",
    "genima_controller_node",
    "genima_recorder",
    "genima_sim_bridge",
)
SHARED_PACKAGES = ("genima", "genima_msgs", "genima_ros")

MAX_LINES = 320
MAX_NODE_LINES = 250
# Longer files, with the reason.
LONGER: dict[str, str] = {}

# Modules that exist to use torch.
TORCH_PACKAGES = ("genima.diffusion", "genima.act", "genima.learning")

IMPORT_ALL = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in ("rclpy", "ament_index_python") or top.endswith("_msgs") or top == "genima_ros":
            raise ImportError(f"{name} is ROS, which the library must do without")

sys.meta_path.insert(0, Blocked())
for name in sys.argv[1:]:
    importlib.import_module(name)
    if "torch" in sys.modules:
        raise SystemExit(f"{name} imports torch")
"""


def library_modules() -> list[str]:
    names = []
    for path in LIBRARY.rglob("*.py"):
        parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
        if parts[-1] != "__main__":
            names.append(".".join(parts).removesuffix(".__init__"))
    return sorted(names)


def may_import_torch(module: str) -> bool:
    below = any(module == name or module.startswith(f"{name}.") for name in TORCH_PACKAGES)
    return below or module.endswith("_torch")


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imported_packages(path: Path) -> set[str]:
    """Top-level names of what a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PYTHONPATH": str(LIBRARY.parent), "MUJOCO_GL": "egl", "HOME": str(Path.home())},
        capture_output=True,
        text=True,
    )


def test_library_imports_neither_ros_nor_torch() -> None:
    modules = [name for name in library_modules() if not may_import_torch(name)]
    assert len(modules) > 20
    result = run_python(IMPORT_ALL, *modules)
    assert result.returncode == 0, result.stderr


def test_modules_that_use_torch_do_without_ros() -> None:
    code = IMPORT_ALL.replace('if "torch"', 'if "no torch"')
    result = run_python(code, *filter(may_import_torch, library_modules()))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("blocked", ["rclpy", "sensor_msgs.msg", "genima_ros"])
def test_the_block_on_ros_works(blocked: str) -> None:
    assert "which the library must do without" in run_python(IMPORT_ALL, blocked).stderr


@pytest.mark.parametrize("package", NODE_PACKAGES)
def test_node_packages_do_not_import_one_another(package: str) -> None:
    others = {name for name in NODE_PACKAGES if name != package}
    for path in python_files(SOURCES / package):
        assert not imported_packages(path) & others, path


def test_shared_code_does_not_import_nodes() -> None:
    for package in SHARED_PACKAGES:
        for path in python_files(SOURCES / package):
            assert not imported_packages(path) & set(NODE_PACKAGES), path


def test_packages_declare_the_packages_of_the_workspace_that_they_import() -> None:
    ours = {*NODE_PACKAGES, *SHARED_PACKAGES}
    for package in (*NODE_PACKAGES, "genima_ros"):
        manifest = ElementTree.parse(SOURCES / package / "package.xml")
        declared = {element.text for element in manifest.iter("exec_depend")}
        used = set().union(*map(imported_packages, python_files(SOURCES / package / package)))
        ros = {name for name in used if name.endswith("_msgs") or name in ("rclpy", "std_srvs")}
        assert (used & ours | ros) - {package} <= declared, package


def test_all_packages_have_the_version_of_the_library() -> None:
    source = (LIBRARY / "__init__.py").read_text()
    version = source.partition('__version__ = "')[2].partition('"')[0]
    for manifest in SOURCES.glob("*/package.xml"):
        assert ElementTree.parse(manifest).findtext("version") == version, manifest


def test_library_reads_no_wall_clock() -> None:
    for path in python_files(LIBRARY):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) != ("time", "time"), f"{path}:{node.lineno}"
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                assert "time" not in {alias.name for alias in node.names}, path


def test_files_stay_small_enough_to_read() -> None:
    long = {}
    for path in [*python_files(SOURCES), *python_files(ROOT / "tools")]:
        if path.parent.name == "test":
            continue
        name = str(path.relative_to(ROOT))
        limit = MAX_NODE_LINES if path.stem.endswith("_node") else MAX_LINES
        lines = len(path.read_text().splitlines())
        if lines > limit and name not in LONGER:
            long[name] = lines
    assert not long


def test_every_file_names_its_licence() -> None:
    for path in [
        *python_files(SOURCES),
        *python_files(ROOT / "tools"),
        *python_files(ROOT / "tests"),
    ]:
        head = path.read_text()[:200]
        assert "SPDX-License-Identifier: Apache-2.0" in head, path
