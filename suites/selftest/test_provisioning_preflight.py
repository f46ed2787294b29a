"""What `make setup` says of a machine that lacks something, before anything is installed."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parents[2] / ".ci/preflight.py"


@pytest.fixture
def preflight() -> ModuleType:
    """The script as a module: it lies in no package."""
    spec = importlib.util.spec_from_file_location("preflight", PATH)
    assert spec is not None, PATH
    assert spec.loader is not None, PATH
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (4, 0)], ids=str)
def test_a_machine_that_has_everything_lacks_nothing(preflight: ModuleType, version: tuple[int, int]) -> None:
    assert preflight.lack(version, lambda name: True) is None


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 10)], ids=str)
def test_a_python_that_is_too_old_is_said_with_the_way_out(preflight: ModuleType, version: tuple[int, int]) -> None:
    line = preflight.lack(version, lambda name: True)
    assert line.startswith(f"Python {version[0]}.{version[1]} is too old, 3.11 or newer is needed: "), line
    assert "make PYTHON=python3.11" in line, line


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_missing_module_is_said_with_its_package(preflight: ModuleType, missing: str) -> None:
    line = preflight.lack((3, 11), lambda name: name != missing)
    assert line == f"Python has no {missing} module: install the package python3-venv"


def test_it_has_no_syntax_that_an_old_python_would_stumble_over() -> None:
    text = PATH.read_text(encoding="utf-8")
    newer = re.findall(r"""\bf["']|:=|->|^\s*match .*:$|^\s*async |\bdef \w+\([^)]*:""", text, re.M)
    assert not newer, newer
