"""The connection profile as jobs read it: what is wrong with the file is said in one line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from spark_jobs import profile
from spark_jobs.errors import JobError, Refused, Unreachable

ACCOUNT = {"access_key": "who", "secret_key": "hidden"}
WHOLE: Mapping[str, Any] = {
    "format": 1,
    "inventory": "local",
    "s3": {
        "endpoint": "http://127.0.0.1:9000",
        "region": "us-east-1",
        "warehouse_bucket": "lake",
        "backup_bucket": "backups",
        "harness": ACCOUNT,
        "spark": ACCOUNT,
        "backup": ACCOUNT,
    },
    "catalog": {"name": "lake", "uri": "thrift://127.0.0.1:9083", "warehouse": "s3://lake/warehouse"},
    "spark": {"remote": "sc://localhost:15002", "token": "hidden"},
    "ca_file": None,
    "row_budget": 1000,
}


def without(path: str) -> dict[str, Any]:
    """The whole profile without one key: `s3.region`."""
    data = json.loads(json.dumps(WHOLE))
    *parents, last = path.split(".")
    holder = data
    for parent in parents:
        holder = holder[parent]
    del holder[last]
    return dict(data)


def refusal(path: Path) -> JobError:
    with pytest.raises(JobError) as caught:
        profile.read(path)
    assert str(caught.value).startswith(f"{path}: "), caught.value
    assert "\n" not in str(caught.value), caught.value
    assert "hidden" not in str(caught.value), caught.value
    return caught.value


def written(folder: Path, content: object) -> Path:
    path = folder / "connection.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_whole_profile_is_read(tmp_path: Path) -> None:
    read = profile.read(written(tmp_path, WHOLE))
    assert read.s3
    assert read.catalog
    assert (read.inventory, read.row_budget, sorted(read.s3.accounts)) == (
        "local",
        1000,
        ["backup", "harness", "spark"],
    )


def test_a_missing_file_says_what_to_run(tmp_path: Path) -> None:
    error = refusal(tmp_path / "connection.json")
    assert isinstance(error, Unreachable)
    assert "python -m provisioning up" in error.remedy, error


@pytest.mark.parametrize("format_", [0, 2, "1", None], ids=repr)
def test_another_format_is_refused(tmp_path: Path, format_: object) -> None:
    error = refusal(written(tmp_path, {**WHOLE, "format": format_}))
    assert isinstance(error, Refused)
    assert error.what == f"has format {format_!r}, not 1"


@pytest.mark.parametrize("content", [[], "text", 5, None], ids=repr)
def test_json_that_is_no_object_is_refused(tmp_path: Path, content: object) -> None:
    assert isinstance(refusal(written(tmp_path, content)), Refused)


@pytest.mark.parametrize(
    "key",
    ["inventory", "s3", "catalog", "spark", "ca_file", "row_budget", "s3.region", "s3.backup", "s3.spark.secret_key",
     "catalog.uri", "spark.token"],
)  # fmt: skip
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    error = refusal(written(tmp_path, without(key)))
    assert isinstance(error, Refused)
    assert key.rpartition(".")[2] in error.what, error


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    path.write_text('{"format": 1, "spark": {"tok', encoding="utf-8")
    assert refusal(path).what.startswith("unreadable"), refusal(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert isinstance(refusal(tmp_path), Refused)


def test_the_default_is_what_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATALAKE_STATE", str(tmp_path))
    monkeypatch.setenv("DATALAKE_CONNECTION", "/elsewhere/connection.json")
    named = profile.default_path()
    monkeypatch.delenv("DATALAKE_CONNECTION")
    assert (named, profile.default_path()) == (
        Path("/elsewhere/connection.json"),
        tmp_path / "current/connection.json",
    )


def test_no_representation_repeats_a_secret(tmp_path: Path) -> None:
    shown = repr(profile.read(written(tmp_path, WHOLE)))
    assert "hidden" not in shown, "repr() shows a secret"
    assert "who" in shown, "repr() shows no account at all, so nothing was tried"
