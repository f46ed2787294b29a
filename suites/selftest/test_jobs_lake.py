"""The lakehouse as jobs see it, as far as no service is needed: places, names, and the code for executors."""

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from spark_jobs import lake as module
from spark_jobs.errors import Refused, Unreachable
from spark_jobs.lake import Lake, backup_place, bucket_and_key, code_archive
from spark_jobs.profile import Catalog, Profile

BARE = Profile(Path("connection.json"), "bare", None, None, None, None, None, 9)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a little code of its own, which the archive is made from."""
    for name in ("datagen", "spark_jobs", "provisioning"):
        (tmp_path / "checkout" / name).mkdir(parents=True)
        (tmp_path / "checkout" / name / "__init__.py").write_text("ANSWER = 41\n")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "checkout/spark_jobs/lake.py"))
    return tmp_path / "checkout"


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://lake/a/b.parquet", ("lake", "a/b.parquet")),
        ("s3a://lake/a", ("lake", "a")),
        ("s3://lake", ("lake", "")),
        ("s3://lake/a//b", ("lake", "a//b")),
    ],
)
def test_a_place_is_a_bucket_and_a_key(uri: str, place: tuple[str, str]) -> None:
    assert bucket_and_key(uri) == place


@pytest.mark.parametrize(
    "uri", ["", "lake/a", "/tmp/a", "file:///tmp/a", "http://lake/a", "s3://", "s3:///a", "S3://lake/a"]
)
def test_anything_else_is_no_place(uri: str) -> None:
    with pytest.raises(Refused) as caught:
        bucket_and_key(uri)
    assert str(caught.value) == f"{uri}: is no place in an object store; write s3://BUCKET/PREFIX"


def test_a_tables_name_is_quoted_for_sql() -> None:
    lake = Lake(replace(BARE, catalog=Catalog("lake", "thrift://x", "s3://lake/warehouse")))
    assert lake.sql_name("shop.order_items") == "`lake`.`shop`.`order_items`"


@pytest.mark.parametrize("name", ["", "shop.", ".orders", "shop.order items", "shop.x`; DROP TABLE y", "shop.o'o"])
def test_what_is_no_name_never_reaches_sql(name: str) -> None:
    lake = Lake(replace(BARE, catalog=Catalog("lake", "thrift://x", "s3://lake/warehouse")))
    with pytest.raises(Refused, match="is no name of a table"):
        lake.sql_name(name)


@pytest.mark.parametrize(
    ("part", "what"),
    [("spark", "Spark"), ("catalog", "catalog"), ("backup_bucket", "object store"), ("warehouse", "catalog")],
)
def test_a_part_that_is_not_declared_is_said_by_name(part: str, what: str) -> None:
    with Lake(BARE) as lake, pytest.raises(Unreachable) as caught:
        getattr(lake, part)
    assert str(caught.value) == f"bare: declares no {what}; take another inventory"


def test_the_archive_has_what_tasks_import_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(code_archive(tmp_path)) as archive:
        names, times = archive.namelist(), {entry.date_time for entry in archive.infolist()}
    assert {name.partition("/")[0] for name in names} == {"datagen", "spark_jobs"}
    assert {"datagen/__init__.py", "datagen/tables/orders.py", "spark_jobs/parts.py"} <= {*names}, names
    assert all(name.endswith(".py") for name in names), names
    assert times == {(1980, 1, 1, 0, 0, 0)}, "the time of packing is in the archive, so equal code has different names"


def test_a_fresh_python_imports_what_tasks_need_from_the_archive(tmp_path: Path) -> None:
    archive = code_archive(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r}); import datagen, spark_jobs.parts as parts; "
        "print(datagen.__file__, parts.__file__)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout.split() == [f"{archive}/datagen/__init__.py", f"{archive}/spark_jobs/parts.py"], done.stderr


def test_the_archive_has_the_same_name_and_bytes_as_long_as_the_code_is_the_same(
    checkout: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    one, two = code_archive(tmp_path), code_archive(tmp_path / "other")
    assert (one.name, one.read_bytes()) == (two.name, two.read_bytes())


@pytest.mark.parametrize("change", ["changed", "added", "removed", "renamed"])
def test_the_archive_has_another_name_when_the_code_is_another(checkout: Path, tmp_path: Path, change: str) -> None:
    before = code_archive(tmp_path).name
    file = checkout / "datagen/__init__.py"
    match change:
        case "changed":
            file.write_text("ANSWER = 42\n")
        case "added":
            (checkout / "datagen/more.py").touch()
        case "removed":
            file.unlink()
        case "renamed":
            file.rename(file.with_name("other.py"))
    assert code_archive(tmp_path).name != before


def test_code_that_tasks_do_not_import_does_not_change_the_name(checkout: Path, tmp_path: Path) -> None:
    before = code_archive(tmp_path).name
    (checkout / "provisioning/__init__.py").write_text("ANSWER = 42\n")
    (checkout / "datagen/notes.txt").write_text("not code")
    assert code_archive(tmp_path).name == before


def test_the_archives_name_tells_the_version_of_python(tmp_path: Path) -> None:
    assert code_archive(tmp_path).name.endswith(f"-py{sys.version_info.minor}.zip")


def test_the_archive_of_a_session_is_gone_when_it_is_closed() -> None:
    with Lake(BARE) as lake:
        archive = lake.code
        assert archive.is_file(), archive
    assert not archive.parent.exists(), f"{archive.parent} was left behind"


@pytest.mark.parametrize("uri", ["s3://b", "s3://b/", "s3://b//x", "s3:///x", "/tmp/x"])
def test_a_backup_needs_a_folder_below_a_bucket(uri: str) -> None:
    """At a bucket's root every backup would be put over the one before."""
    with pytest.raises(Refused, match=r"no folder below a bucket|no place in an object store"):
        backup_place(uri)


@pytest.mark.parametrize("uri", ["s3://b/x", "s3://b/x/", "s3a://b/x"])
def test_a_backups_folder_is_written_in_one_way(uri: str) -> None:
    assert backup_place(uri) == "s3://b/x"
