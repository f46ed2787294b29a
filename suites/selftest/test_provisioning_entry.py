"""`python -m provisioning` by an interpreter without our packages: sudo drops the virtual environment."""

import subprocess
import sys

from fixtures.stacks import CHECKOUT


def test_an_interpreter_without_our_packages_is_told_in_one_line() -> None:
    bare = [sys.executable, "-S", "-m", "provisioning", "status"]  # -S: without site-packages
    done = subprocess.run(bare, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "has no pydantic: run `make setup`, then .venv/bin/python" in done.stderr
