"""Secrets: what is given wins, what was generated is kept, private, and never repeated in a message."""

import json
import stat
from pathlib import Path

import pytest

from provisioning import secrets
from provisioning.problem import Exit, Problem

ROOT, SPARK = "DATALAKE_MINIO_ROOT", "DATALAKE_MINIO_SPARK"


@pytest.fixture(autouse=True)
def _no_secrets_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's own secrets are in no test's way."""
    for name in ("minio-root", "minio-spark", "spark-connect"):
        monkeypatch.delenv(secrets.variable(name), raising=False)


def dotenv(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_secret_is_set_by_a_variable_of_its_name() -> None:
    assert secrets.variable("minio-root") == ROOT


def test_the_environment_wins_over_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = dotenv(tmp_path, f"{ROOT}=from-file\n{SPARK}=only-in-file\nDATALAKE_OTHER=x\n")
    monkeypatch.setenv(ROOT, "from-environment")
    found = secrets.given(["minio-root", "minio-spark", "spark-connect"], file)
    assert found == {"minio-root": "from-environment", "minio-spark": "only-in-file"}


def test_an_empty_variable_gives_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT, "")
    assert secrets.given(["minio-root"], tmp_path / ".env") == {}


def test_generated_secrets_are_long_different_and_kept_between_calls(tmp_path: Path) -> None:
    store, names = tmp_path / "state/secrets.json", ["minio-root", "minio-spark"]
    first = secrets.generated(names, store, tmp_path / ".env")
    second = secrets.generated(names, store, tmp_path / ".env")
    assert first == second
    assert len({*first.values()}) == 2, "two names have one secret"
    assert all(len(value) >= 40 for value in first.values()), "a generated secret is short"


def test_a_new_name_is_added_and_leaves_the_kept_ones(tmp_path: Path) -> None:
    store = tmp_path / "secrets.json"
    first = secrets.generated(["minio-root"], store, tmp_path / ".env")
    both = secrets.generated(["minio-root", "minio-spark"], store, tmp_path / ".env")
    only = secrets.generated(["minio-spark"], store, tmp_path / ".env")
    assert both["minio-root"] == first["minio-root"]
    assert secrets.generated(["minio-root"], store, tmp_path / ".env") == first, "a kept one was lost from the store"
    assert only == {"minio-spark": both["minio-spark"]}


def test_a_given_secret_wins_over_the_generated_one_which_returns_afterwards(tmp_path: Path) -> None:
    store = tmp_path / "secrets.json"
    made = secrets.generated(["minio-root"], store, tmp_path / ".env")
    file = dotenv(tmp_path, f"{ROOT}=given\n")
    assert secrets.generated(["minio-root"], store, file) == {"minio-root": "given"}
    file.unlink()
    assert secrets.generated(["minio-root"], store, file) == made


def test_the_store_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    store = tmp_path / "secrets.json"
    secrets.generated(["minio-root"], store, tmp_path / ".env")
    mode = stat.S_IMODE(store.stat().st_mode)
    assert mode == 0o600, f"{mode:o}"


def test_what_a_foreign_lakehouse_needs_is_listed_by_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATALAKE_SPARK_CONNECT", "token-value")
    with pytest.raises(Problem) as caught:
        secrets.required(["minio-root", "spark-connect", "minio-spark"], tmp_path / ".env")
    assert str(caught.value) == f"{tmp_path / '.env'}: not set: {ROOT}, {SPARK}; set them there"
    assert caught.value.code == Exit.USAGE, f"exit code {caught.value.code}"


def test_what_a_foreign_lakehouse_needs_is_returned_where_all_is_set(tmp_path: Path) -> None:
    file = dotenv(tmp_path, f"{ROOT}=a\n{SPARK}=b\n")
    assert secrets.required(["minio-root", "minio-spark"], file) == {"minio-root": "a", "minio-spark": "b"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=value", "value"),
        ("export NAME=value", "value"),
        ("  NAME = value  ", "value"),
        ("NAME='two words'", "two words"),
        ('NAME="a=b#c"', "a=b#c"),
        ("NAME=a=b", "a=b"),
        ("NAME=", ""),
        ("# comment\n\nNAME=value", "value"),
        ("NAME=first\nNAME=second", "second"),
    ],
    ids=["plain", "export", "spaces", "single", "double", "equals", "empty", "comment", "last-wins"],
)
def test_dotenv_lines_are_read_as_people_write_them(tmp_path: Path, line: str, value: str) -> None:
    assert secrets.read_dotenv(dotenv(tmp_path, f"{line}\n")) == {"NAME": value}


def test_a_broken_line_of_dotenv_is_named_by_its_number_and_not_repeated(tmp_path: Path) -> None:
    file = dotenv(tmp_path, "A=1\n# fine\nhunter2\n")
    with pytest.raises(Problem) as caught:
        secrets.read_dotenv(file)
    assert str(caught.value) == f"{file}:3: is not NAME=value; mend the line"


@pytest.mark.parametrize("broken", ["folder", "encoding"])
def test_a_dotenv_that_cannot_be_read_is_refused_by_name(tmp_path: Path, broken: str) -> None:
    file = tmp_path / ".env"
    file.mkdir() if broken == "folder" else file.write_bytes(b"A=\xff\n")
    with pytest.raises(Problem, match="unreadable") as caught:
        secrets.read_dotenv(file)
    assert caught.value.where == str(file), caught.value


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "5", '["ab"'], ids=repr)
def test_a_store_that_is_no_object_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    store = tmp_path / "secrets.json"
    store.write_text(content, encoding="utf-8")
    with pytest.raises(Problem) as caught:
        secrets.generated(["minio-root"], store, tmp_path / ".env")
    assert str(caught.value) == f"{store}: unreadable; restore it, or remove it: new secrets are made, the data stay"
    assert store.read_text() == content, "the store was written over"


def test_a_store_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="unreadable"):
        secrets.generated(["minio-root"], tmp_path, tmp_path / ".env")


def test_the_store_holds_only_what_was_generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT, "given-by-the-site")
    store = tmp_path / "secrets.json"
    secrets.generated(["minio-root"], store, tmp_path / ".env")
    assert "given-by-the-site" not in json.loads(store.read_text()).values()
