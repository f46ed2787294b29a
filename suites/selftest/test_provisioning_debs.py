"""Debian packages by this machine's apt: a source that refuses us matters only where no other has the package."""

from pathlib import Path

import pytest

from provisioning.builders import DebianPackage, fetch_deb
from provisioning.problem import Problem

SUDO = DebianPackage("sudo", "1:1.9", "amd64", "0" * 64)
REFUSED = "echo 'E: The repository is not signed: 401 Unauthorized'; exit 100"


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH for an apt-get of ours."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return tmp_path / "bin" / "apt-get"


def put(apt: Path, update: str, download: str) -> None:
    apt.write_text(f'#!/bin/sh\ncase "$*" in *update) {update};; *"download sudo:amd64=1:1.9") {download};; esac\n')
    apt.chmod(0o755)


def test_one_source_that_refuses_us_does_not_matter(apt: Path, tmp_path: Path) -> None:
    put(apt, REFUSED, "echo deb >sudo_1%3a1.9_amd64.deb")
    assert fetch_deb(SUDO, tmp_path / "work").read_text(encoding="ascii") == "deb\n"


@pytest.mark.parametrize(("update", "said"), [(REFUSED, "401 Unauthorized"), (":", "Version '1:1.9' was not found")])
def test_where_nobody_has_it_the_first_complaint_is_told(apt: Path, tmp_path: Path, update: str, said: str) -> None:
    put(apt, update, "echo \"E: Version '1:1.9' was not found\"; exit 100")
    with pytest.raises(Problem, match=said):
        fetch_deb(SUDO, tmp_path / "work")
