"""The cache of artifacts: what is good is used, what is not is made again or refused, nothing is half there."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from provisioning import artifacts
from provisioning.artifacts import Artifact, check, provide
from provisioning.problem import Exit, Problem

CONTENT = b"the one content"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Maker:
    """Makes a file, and remembers how often and where."""

    def __init__(self, content: bytes = CONTENT, error: BaseException | None = None) -> None:
        self.content, self.error = content, error
        self.folders: list[Path] = []

    def __call__(self, folder: Path) -> Path:
        self.folders.append(folder)
        (folder / "scrap").write_text("what making leaves behind")
        made = folder / "made"
        made.write_bytes(self.content)
        if self.error:
            raise self.error
        return made


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("DATALAKE_CACHE", str(folder))
    monkeypatch.delenv("MINIO_BINARY", raising=False)
    return folder


@pytest.fixture
def know(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets provisioning know these artifacts and no others."""

    def know(*known: Artifact) -> None:
        monkeypatch.setattr(artifacts, "pinned", lambda: {artifact.name: artifact for artifact in known})

    return know


def fetched(maker: Maker) -> Artifact:
    return Artifact("tool", "tool-1.jar", maker, sha256=SHA256)


def built(maker: Maker) -> Artifact:
    return Artifact("tool", "tool-1", maker)


def whole(cache: Path) -> list[str]:
    """What lies in the cache, but for locks."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def test_what_is_missing_is_made_in_a_folder_of_its_own_and_reported(cache: Path, know: Callable[..., None]) -> None:
    maker, lines = Maker(), list[str]()
    know(fetched(maker))
    found = provide(["tool"], lines.append)
    assert found == {"tool": cache / "tool-1.jar"}
    assert found["tool"].read_bytes() == CONTENT
    assert lines == ["tool: fetching …", "tool: ready"]
    assert whole(cache) == ["tool-1.jar"], "making left something behind"


@pytest.mark.parametrize("kind", [fetched, built])
def test_a_warm_cache_makes_nothing_and_says_nothing(
    know: Callable[..., None], kind: Callable[[Maker], Artifact]
) -> None:
    maker, lines = Maker(), list[str]()
    know(kind(maker))
    provide(["tool"], lines.append)
    lines.clear()
    provide(["tool", "tool"], lines.append)
    assert (len(maker.folders), lines) == (1, [])


@pytest.mark.parametrize("kind", [fetched, built])
def test_a_corrupted_file_is_noticed_said_and_made_again(
    cache: Path, know: Callable[..., None], kind: Callable[[Maker], Artifact]
) -> None:
    maker, lines = Maker(), list[str]()
    know(kind(maker))
    target = provide(["tool"], lines.append)["tool"]
    target.write_bytes(CONTENT + b"!")
    lines.clear()
    provide(["tool"], lines.append)
    found = hashlib.sha256(CONTENT + b"!").hexdigest()
    assert lines[0] == f"tool: corrupted in the cache ({target}: SHA-256 {found}, expected {SHA256}): made again"
    assert (target.read_bytes(), len(maker.folders)) == (CONTENT, 2)


def test_a_built_file_without_its_hash_is_not_trusted(cache: Path, know: Callable[..., None]) -> None:
    artifact = built(Maker())
    know(artifact)
    target = provide(["tool"], print)["tool"]
    artifact.pin.unlink()
    assert check(artifact, target).startswith("corrupted"), check(artifact, target)


def test_a_wrong_hash_is_refused_and_says_how_to_supply_the_file_by_hand(
    cache: Path, know: Callable[..., None]
) -> None:
    know(fetched(Maker(b"something else")))
    with pytest.raises(Problem) as caught:
        provide(["tool"], print)
    found = hashlib.sha256(b"something else").hexdigest()
    assert str(caught.value) == (
        f"artifact tool: SHA-256 is {found}, not the pinned {SHA256}; "
        f"try again with the network, or put the file there by hand: {cache / 'tool-1.jar'}"
    )
    assert whole(cache) == [], "what was refused is in the cache"


def test_a_file_that_was_put_there_by_hand_is_used(cache: Path, know: Callable[..., None]) -> None:
    maker = Maker(error=AssertionError("was made"))
    know(fetched(maker))
    cache.mkdir()
    (cache / "tool-1.jar").write_bytes(CONTENT)
    assert provide(["tool"], print)["tool"] == cache / "tool-1.jar"
    assert maker.folders == []


@pytest.mark.parametrize(
    "error", [ValueError("bug"), KeyboardInterrupt(), Problem("no network", where="", remedy="")], ids=repr
)
def test_an_interrupted_make_leaves_nothing_and_the_next_one_succeeds(
    cache: Path, know: Callable[..., None], error: BaseException
) -> None:
    know(built(Maker(error=error)))
    with pytest.raises(type(error)):
        provide(["tool"], print)
    assert whole(cache) == []
    know(built(Maker()))
    assert provide(["tool"], print)["tool"].read_bytes() == CONTENT


def test_a_failed_repair_keeps_no_pin_for_the_corrupted_file(cache: Path, know: Callable[..., None]) -> None:
    know(built(Maker()))
    target = provide(["tool"], print)["tool"]
    target.write_bytes(b"corrupted")
    broken = built(Maker(error=ValueError("bug")))
    know(broken)
    with pytest.raises(ValueError, match="bug"):
        provide(["tool"], print)
    assert check(broken, target).startswith("corrupted"), check(broken, target)


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"sha256": SHA256}, "put the file there by hand: "),
        ({"by_hand": "MINIO_BINARY"}, "set MINIO_BINARY to a binary that you have"),
        ({}, "try again with the network"),
    ],
    ids=["fetched", "by-hand", "built"],
)
def test_a_failure_names_the_artifact_the_cause_and_the_way_out(
    know: Callable[..., None], change: dict[str, str], remedy: str
) -> None:
    maker = Maker(error=Problem("java failed: unknown host", where="/usr/bin/java", remedy=""))
    know(replace(built(maker), **change))  # type: ignore[arg-type]
    with pytest.raises(Problem) as caught:
        provide(["tool"], print)
    assert str(caught.value).startswith("artifact tool: java failed: unknown host; "), caught.value
    assert remedy in caught.value.remedy, caught.value


def test_one_failure_does_not_stop_the_others(know: Callable[..., None]) -> None:
    good = Artifact("good", "good-1", Maker())
    know(good, Artifact("bad", "bad-1", Maker(error=Problem("no", where="", remedy=""))))
    with pytest.raises(Problem, match="artifact bad"):
        provide(["good", "bad"], print)
    assert check(good, artifacts.cache() / good.file) == "good"


def test_what_an_artifact_needs_is_made_first(know: Callable[..., None]) -> None:
    order: list[str] = []

    def make(name: str, folder: Path) -> Path:
        order.append(name)
        return Maker()(folder)

    base = Artifact("base", "base-1", lambda folder: make("base", folder))
    know(base, Artifact("top", "top-1", lambda folder: make("top", folder), needs=("base",)))
    assert provide(["top"], print).keys() == {"top"}
    assert order == ["base", "top"]


def test_two_commands_make_an_artifact_once(know: Callable[..., None]) -> None:
    maker = Maker()
    know(built(maker))
    with ThreadPoolExecutor(2) as pool:
        paths = [path["tool"] for path in pool.map(lambda _: provide(["tool"], print), range(2))]
    assert (len(maker.folders), len(set(paths))) == (1, 1), f"made {len(maker.folders)} times at {paths}"


def test_a_site_may_supply_a_binary(tmp_path: Path, know: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    maker, binary = Maker(), tmp_path / "minio"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o700)
    know(replace(built(maker), by_hand="MINIO_BINARY"))
    monkeypatch.setenv("MINIO_BINARY", str(binary))
    assert provide(["tool"], print) == {"tool": binary}
    assert maker.folders == [], "something was built all the same"


@pytest.mark.parametrize("kind", ["missing", "not-executable", "folder"])
def test_a_supplied_binary_that_cannot_be_run_is_refused(
    tmp_path: Path, know: Callable[..., None], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    binary = tmp_path / kind
    if kind == "folder":
        binary.mkdir()
    elif kind == "not-executable":
        binary.touch(mode=0o600)
    know(replace(built(Maker()), by_hand="MINIO_BINARY"))
    monkeypatch.setenv("MINIO_BINARY", str(binary))
    with pytest.raises(Problem) as caught:
        provide(["tool"], print)
    assert str(caught.value) == f"MINIO_BINARY={binary}: is no program that can be run; correct or unset it"
    assert caught.value.code == Exit.USAGE, f"exit code {caught.value.code}"


def test_trouble_of_a_tool_names_the_artifact_and_not_the_cache(cache: Path, know: Callable[..., None]) -> None:
    know(built(Maker(error=FileNotFoundError(2, "No such file or directory", "/usr/share/tool"))))
    with pytest.raises(Problem) as caught:
        provide(["tool"], print)
    line = str(caught.value)
    assert line.startswith(
        "artifact tool: could not be made: [Errno 2] No such file or directory: '/usr/share/tool'; "
    ), line
    assert "DATALAKE_CACHE" not in line, line


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        Problem("go failed: write /x: no space left on device", where="go", remedy=""),
    ],
    ids=["ours", "tool"],
)
def test_a_full_disk_is_the_cache_s_trouble_whoever_meets_it(
    cache: Path, know: Callable[..., None], error: Exception
) -> None:
    know(built(Maker(error=error)))
    with pytest.raises(Problem) as caught:
        provide(["tool"], print)
    assert str(caught.value).startswith(f"{cache}: cannot be written (No space left on device); make room "), (
        caught.value
    )


def test_a_make_that_makes_nothing_is_a_failure_and_pins_nothing(cache: Path, know: Callable[..., None]) -> None:
    artifact = Artifact("tool", "tool-1", lambda folder: folder / "nothing")
    know(artifact)
    with pytest.raises(Problem, match="artifact tool: making it left no nothing"):
        provide(["tool"], print)
    assert whole(cache) == [], "a thing that is not there has a pin"


def test_a_cached_file_that_cannot_be_read_is_one_line(
    cache: Path, know: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    know(built(Maker()))
    target = provide(["tool"], print)["tool"]

    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(artifacts, "digest", refuse)
    with pytest.raises(Problem) as caught:
        provide(["tool"], print)
    assert str(caught.value) == f"{target}: cannot be read (Permission denied); make it readable, or remove it"


@pytest.mark.parametrize("where", ["folder", "lock"])
def test_a_cache_that_cannot_be_written_is_one_line(cache: Path, know: Callable[..., None], where: str) -> None:
    know(built(Maker()))
    if where == "folder":
        cache.write_text("a file where a folder should be")
    else:
        (cache / ".tool.lock").mkdir(parents=True)
    with pytest.raises(Problem, match="cannot be written") as caught:
        provide(["tool"], print)
    assert "DATALAKE_CACHE" in caught.value.remedy, caught.value


def test_a_folder_is_an_artifact_like_a_file(cache: Path, know: Callable[..., None]) -> None:
    def make(folder: Path) -> Path:
        (folder / "made/deep").mkdir(parents=True)
        (folder / "made/deep/file").write_text("text")
        return folder / "made"

    lines: list[str] = []
    know(Artifact("tool", "tool-1", make))
    target = provide(["tool"], print)["tool"]
    (target / "deep/file").write_text("tex?")
    provide(["tool"], lines.append)
    assert "corrupted" in lines[0], lines
    assert (target / "deep/file").read_text() == "text"
