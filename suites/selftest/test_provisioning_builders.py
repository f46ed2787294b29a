"""How artifacts are made, as far as it needs no network: the module for Ivy, the search for Go, tools that fail."""

import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from provisioning import builders, tools
from provisioning.builders import MavenFile, find_go, ivy_module
from provisioning.java import find_java, pyspark_jars
from provisioning.problem import Problem

PIN = MavenFile("org.example", "tool", "1.2", sha256="")


def program(folder: Path, name: str, script: str) -> Path:
    """An executable shell script."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


@pytest.fixture
def toolchains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folder of the PATH and that of the wheel, both empty, and no other place to look at."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(builders, "sysconfig", SimpleNamespace(get_path=lambda _: str(tmp_path / "wheel")))
    return tmp_path / "path", tmp_path / "wheel"


def test_ivy_is_asked_for_exactly_one_file_and_nothing_that_it_needs() -> None:
    module = ElementTree.fromstring(ivy_module(PIN))
    (dependency,) = module.findall("dependencies/dependency")
    (artifact,) = dependency.findall("artifact")
    seen = {name: dependency.get(name) for name in ("org", "name", "rev", "transitive")}
    assert seen == {"org": "org.example", "name": "tool", "rev": "1.2", "transitive": "false"}
    assert artifact.attrib == {"name": "tool", "type": "jar", "ext": "jar"}


def test_ivy_is_told_classifier_and_kind_and_cannot_be_led_astray() -> None:
    text = ivy_module(replace(PIN, classifier="bin", ext="tar.gz", version='1"/><evil a="'))
    module = ElementTree.fromstring(text)
    artifact = module.find("dependencies/dependency/artifact")
    assert artifact is not None
    assert artifact.get("{http://ant.apache.org/ivy/maven}classifier") == "bin"
    assert (artifact.get("ext"), artifact.get("type")) == ("tar.gz", "tar.gz")
    assert module.find(".//evil") is None, text


@pytest.mark.parametrize(
    ("pin", "file"),
    [(PIN, "tool-1.2.jar"), (replace(PIN, classifier="bin", ext="tar.gz"), "tool-1.2-bin.tar.gz")],
    ids=["plain", "classifier"],
)
def test_a_file_has_the_name_under_which_maven_publishes_it(pin: MavenFile, file: str) -> None:
    assert pin.file == file


def test_the_go_of_the_path_is_taken_where_it_is_new_enough(toolchains: tuple[Path, Path]) -> None:
    path, wheel = toolchains
    program(wheel, "go", "echo go version go1.26.0 linux/amd64")
    mine = program(path, "go", "echo go version go1.24.1 linux/amd64")
    assert find_go() == mine


@pytest.mark.parametrize("script", ["echo go version go1.9.7 linux/amd64", "echo no version set; exit 126", "echo hi"])
def test_the_go_of_the_wheel_is_taken_where_the_one_of_the_path_will_not_do(
    toolchains: tuple[Path, Path], script: str
) -> None:
    path, wheel = toolchains
    program(path, "go", script)
    new = program(wheel, "go", "echo go version go1.24.0 linux/amd64")
    assert find_go() == new


def test_an_old_go_is_refused_and_said_with_its_place(toolchains: tuple[Path, Path]) -> None:
    old = program(toolchains[0], "go", "echo go version go1.23.9 linux/amd64")
    with pytest.raises(Problem) as caught:
        find_go()
    assert str(caught.value) == f"Go: no Go toolchain of at least 1.24 ({old} is 1.23); run `make setup`"


def test_no_go_at_all_is_refused(toolchains: tuple[Path, Path]) -> None:
    with pytest.raises(Problem, match=r"no Go toolchain of at least 1.24 \(nothing found\)"):
        find_go()


def test_a_tool_gets_its_input_and_its_output_is_returned(tmp_path: Path) -> None:
    assert tools.run(["cat"], cwd=tmp_path, stdin="select 1;") == "select 1;"


def test_a_tool_that_fails_is_named_with_its_complaint(tmp_path: Path) -> None:
    tool = program(tmp_path, "tool", "echo fine; echo Unknown host repo.example >&2; echo bye; exit 3")
    with pytest.raises(Problem) as caught:
        tools.run([tool], cwd=tmp_path)
    assert caught.value.what == "tool failed: Unknown host repo.example"


def test_a_tool_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="does not run: No such file or directory") as caught:
        tools.run([tmp_path / "nowhere"], cwd=tmp_path)
    assert caught.value.where == str(tmp_path / "nowhere")


def test_a_tool_may_print_what_is_no_text(tmp_path: Path) -> None:
    assert tools.run(["printf", r"\377ok"], cwd=tmp_path) == "\ufffdok"


def test_a_go_that_tells_no_module_sum_is_one_line() -> None:
    with pytest.raises(Problem, match="go tells no module sum: go: module lookup disabled, not found"):
        builders._module_sum("hello\ngo: module lookup disabled, not found\n")
    assert builders._module_sum('{"Sum": "h1:abc="}') == "h1:abc="


LISTEN = """
import org.apache.hadoop.hive.common.auth.HiveAuthUtils;
public class Listen {
    public static void main(String[] arguments) throws Exception {
        try {
            System.out.println(HiveAuthUtils.getServerSocket(null, 0).getServerSocket().getInetAddress());
        } catch (IllegalArgumentException error) {
            System.out.println("refused");
        }
    }
}
"""


def test_the_metastore_listens_at_the_address_that_it_is_told_and_without_one_nowhere(tmp_path: Path) -> None:
    """Our class as it stands on the class path: before Hive's own, which listens on all interfaces."""
    classes = builders.compile_bind(tmp_path)
    (tmp_path / "Listen.java").write_text(LISTEN)
    program: list[str | Path] = ["org.codehaus.janino.SimpleCompiler", tmp_path / "Listen.java", "Listen"]

    def listens_at(*options: str) -> str:
        classpath = f"{classes}:{pyspark_jars()}/*"
        return tools.run([find_java(), *options, "-cp", classpath, *program], cwd=tmp_path).strip()

    assert (listens_at("-Ddatalake.bind.host=127.0.0.1"), listens_at()) == ("/127.0.0.1", "refused")


def test_only_plain_files_of_one_folder_are_unpacked_and_none_lands_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("select 1;")
    with tarfile.open(tmp_path / "archive.tar", "w") as tar:
        for name in ("hive/sql/derby/one.sql", "hive/sql/derby/../../../evil.sql", "hive/sql/mysql/two.sql"):
            tar.add(tmp_path / "source", name)
    folder = builders._unpack(tmp_path / "archive.tar", "/sql/derby/", tmp_path / "out/")
    assert sorted(path.name for path in folder.iterdir()) == ["evil.sql", "one.sql"]
    assert not list(tmp_path.parent.glob("evil.sql")), "a file was unpacked outside"
