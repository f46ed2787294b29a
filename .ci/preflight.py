"""Says in one line what this machine lacks. Runs on Pythons from 3.6 on, hence no newer syntax here."""

import importlib.util
import sys

NEEDED = (3, 11)


def lack(version, has_module):
    """What is missing and what to do, None when nothing is."""
    if version < NEEDED:
        seen = ".".join(str(part) for part in version[:2])
        return f"Python {seen} is too old, 3.11 or newer is needed: make PYTHON=python3.11, or install it"
    for module, package in (("venv", "python3-venv"), ("ensurepip", "python3-venv")):
        if not has_module(module):
            return f"Python has no {module} module: install the package {package}"
    return None


if __name__ == "__main__":
    problem = lack(sys.version_info[:2], lambda name: importlib.util.find_spec(name) is not None)
    if problem:
        sys.exit("setup: " + problem)
