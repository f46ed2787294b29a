"""What tells one artifact from another: the digest of a folder, the pins, and the cache's place."""

import tomllib
from pathlib import Path

import pytest

from provisioning import artifacts
from provisioning.artifacts import digest
from provisioning.inventory import load
from provisioning.services import SERVICES


@pytest.mark.parametrize("change", ["changed", "added", "removed", "renamed", "moved", "swapped"])
def test_the_digest_of_a_folder_notices_any_difference(tmp_path: Path, change: str) -> None:
    (tmp_path / "deep").mkdir()
    one, two = tmp_path / "one", tmp_path / "deep/two"
    one.write_text("1")
    two.write_text("2")
    before = digest(tmp_path)
    match change:
        case "changed":
            one.write_text("!")
        case "added":
            (tmp_path / "three").touch()
        case "removed":
            two.unlink()
        case "renamed":
            one.rename(tmp_path / "eno")
        case "moved":
            one.rename(tmp_path / "deep/one")
        case "swapped":
            one.write_text("2")
            two.write_text("1")
    assert digest(tmp_path) != before, f"{change} and still {before}"


def test_the_digest_of_a_folder_does_not_depend_on_its_place_or_the_order_of_writing(tmp_path: Path) -> None:
    for folder, names in (("a", "xyz"), ("b", "zyx")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text(name)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_the_cache_is_the_users_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATALAKE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert artifacts.cache() == Path("/xdg/datalake")
    monkeypatch.setenv("DATALAKE_CACHE", "/mine")
    assert artifacts.cache() == Path("/mine")


def test_all_that_services_need_is_pinned_and_each_pin_has_a_name_of_its_own() -> None:
    known = artifacts.pinned()
    wanted = {name for service in SERVICES.values() for name in service.ARTIFACTS}
    needed = {need for artifact in known.values() for need in artifact.needs}
    assert wanted | needed <= known.keys(), f"not pinned: {(wanted | needed) - known.keys()}"
    files = [artifact.file for artifact in known.values()]
    assert len(set(files)) == len(files), files


def test_everything_that_is_downloaded_has_a_full_hash_and_the_planned_version() -> None:
    maven = tomllib.loads(artifacts.PINS.read_text(encoding="utf-8"))["maven"]
    short = [name for name, pin in maven.items() if len(bytes.fromhex(pin["sha256"])) != 32]
    assert not short, short
    versions = load("plan").versions
    runtime, bundle = maven["iceberg-spark-runtime"], maven["iceberg-aws-bundle"]
    assert (runtime["version"], bundle["version"]) == (versions["iceberg"], versions["iceberg"])
    assert runtime["module"].startswith(f"iceberg-spark-runtime-{versions['spark'].rpartition('.')[0]}_"), runtime
