"""Says in one line what this machine lacks. Runs on any Python 3, hence no newer syntax here."""

import importlib.util
import sys

NEEDED = (3, 11)


def lack(version, has_module):
    """What is missing and what to do, None when nothing is."""
    if version < NEEDED:
        seen = ".".join(str(part) for part in version[:2])
        return "Python {} is too old, 3.11 or newer is needed: make PYTHON=python3.11, or install it".format(seen)
    for module, package in (("venv", "python3-venv"), ("ensurepip", "python3-venv")):
        if not has_module(module):
            return "Python has no {} module: install the package {}".format(module, package)
    return None


if __name__ == "__main__":
    problem = lack(sys.version_info[:2], lambda name: importlib.util.find_spec(name) is not None)
    if problem:
        sys.exit("setup: " + problem)
