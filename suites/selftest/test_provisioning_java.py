"""Java: 17 or 21 wherever it is, and what was tried where there is none."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from provisioning import java
from provisioning.java import find_java, java_version, write_truststore
from provisioning.problem import Problem


def fake(path: Path, version: str) -> Path:
    """A java that says which it is, as the real one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-16' >&2\n")
    path.chmod(0o700)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with no Java: none in `path/java`, `home/bin/java` or `wheel/java-runtime/bin/java` yet."""
    wheel = SimpleNamespace(origin=str(tmp_path / "wheel/__init__.py"))
    monkeypatch.setattr(java, "util", SimpleNamespace(find_spec=lambda _: wheel))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    find_java.cache_clear()
    yield tmp_path
    find_java.cache_clear()


@pytest.mark.parametrize("version", ["17.0.9", "21", "21.0.1+12-LTS"])
def test_a_supported_java_of_the_path_is_taken(machine: Path, version: str) -> None:
    mine = fake(machine / "path/java", version)
    assert find_java() == mine


def test_java_home_comes_before_the_path(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(machine / "path/java", "17")
    mine = fake(machine / "home/bin/java", "21")
    monkeypatch.setenv("JAVA_HOME", str(machine / "home"))
    assert find_java() == mine


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2", "18", "25"])
def test_the_java_of_the_wheel_is_taken_where_the_one_of_the_path_will_not_do(machine: Path, version: str) -> None:
    fake(machine / "path/java", version)
    wheel = fake(machine / "wheel/java-runtime/bin/java", "17.0.9")
    assert find_java() == wheel


def test_a_machine_without_a_supported_java_is_told_what_was_tried(machine: Path) -> None:
    old = fake(machine / "path/java", "11.0.2")
    with pytest.raises(Problem) as caught:
        find_java()
    wheel = machine / "wheel/java-runtime/bin/java"
    assert str(caught.value) == (
        f"Java: no Java 17 or 21 ({old} is 11, {wheel} is no Java); run `make setup`, or set JAVA_HOME"
    )


def test_a_program_that_is_no_java_has_no_version(tmp_path: Path) -> None:
    silent = fake(tmp_path / "java", "17")
    silent.write_text("#!/bin/sh\nexit 1\n")
    assert (java_version(silent), java_version(tmp_path / "nowhere")) == (None, None)


def test_the_answer_is_kept(machine: Path) -> None:
    first = find_java() if fake(machine / "path/java", "17") else None
    fake(machine / "path/java", "11")
    assert find_java() == first


def test_a_truststore_holds_what_the_bundle_holds_and_passes_over_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import certifi
    from cryptography.hazmat.primitives.serialization import pkcs12

    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    blocks = Path(certifi.where()).read_text(encoding="utf-8").split(begin)[1:4]
    text = "".join(f"{begin}{block.partition(end)[0]}{end}\n" for block in blocks)
    (tmp_path / "bundle.pem").write_text(f"{text}{begin}\nrubbish\n{end}\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    path = write_truststore(tmp_path / "trust.p12")
    kept = pkcs12.load_pkcs12(path.read_bytes(), java.TRUSTSTORE_PASSWORD.encode()).additional_certs
    assert len(kept) == 3, f"{len(kept)} of 3 certificates"
