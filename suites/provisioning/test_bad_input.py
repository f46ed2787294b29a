"""What bad input gets: one line that says what, where and what to do, the right exit code, nothing half-made."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.stacks import CHECKOUT, MakeStack, Stack
from provisioning import artifacts

pytestmark = [pytest.mark.verifies("provisioning.repeatable"), pytest.mark.impact("observe")]


# Ivy is Java and asks a proxy that is not there; Go is told to have no network.
NO_NETWORK = {
    "JAVA_TOOL_OPTIONS": "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1",
    "GOPROXY": "off",
    "GOFLAGS": "-mod=mod",
}


def the_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line of complaint, among the lines of progress, which are indented."""
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith((" ", "Picked up"))]
    assert done.returncode == code, f"exit {done.returncode}, expected {code}: {done.stdout}{done.stderr}"
    assert len(lines) == 1, f"more than one line: {lines}"
    return lines[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[services.minio]\nport = 0\nmemroy = "1 GiB"',
            "services.minio.memroy: unknown key; allowed there: host, memory",
        ),
        ('[services.minio]\nport = 0\nmemory = "1 GB of it"', "services.minio.memory: '1 GB of it' is no size"),
        ("[services.minio]\nport = 70000", "services.minio.port"),
        ('[host]\naddress = "192.168.4.256"', "host.address: value is not a valid IPv4"),
        ("[services.mimio]\nport = 0", "'mimio' is no service that we know; those are hive, minio, spark"),
        ("port = ", "no TOML"),
    ],
    ids=["unknown-key", "wrong-unit", "bad-port", "bad-address", "unknown-service", "no-toml"],
)
def test_a_wrong_inventory_names_file_and_key(tmp_path: Path, make_stack: MakeStack, text: str, says: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'format = 1\nextends = "local"\nname = "mine"\n{text}\n')
    line = the_line(make_stack(str(file)).command("up"), 2)
    assert str(file) in line and says in line, line


def test_a_missing_inventory_lists_the_choices(make_stack: MakeStack) -> None:
    line = the_line(make_stack("nowhere").command("up"), 2)
    assert "nowhere" in line and "local, plan" in line, line


def test_an_occupied_port_names_who_has_it(tmp_path: Path, make_stack: MakeStack) -> None:
    file = tmp_path / "mine.toml"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        file.write_text(f'format = 1\nextends = "local"\nname = "mine"\n[services.minio]\nport = {port}\n')
        line = the_line(make_stack(str(file)).command("up"), 3)
    assert f"port {port} is occupied" in line and f"process {os.getpid()}" in line and "port = 0" in line, line


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path, make_stack: MakeStack) -> None:
    (tmp_path / "file").write_text("")
    line = the_line(make_stack().command("up", DATALAKE_STATE=str(tmp_path / "file")), 3)
    assert str(tmp_path / "file") in line and "DATALAKE_STATE" in line, line


def test_no_network_and_no_cache_names_the_artifact_and_how_to_supply_it(tmp_path: Path, make_stack: MakeStack) -> None:
    stack = make_stack()
    line = the_line(stack.command("up", DATALAKE_CACHE=str(tmp_path), **NO_NETWORK), 3)
    assert "artifact " in line and ("by hand" in line or "MINIO_BINARY" in line), line
    # What is made from the jars that are here needs no network; it may stay, whole.
    left = [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")]
    half = [name for name in left if not name.startswith("metastore-bind-")]
    assert not half, f"half-made things in the cache: {half}"
    assert not (stack.state / "connection.json").exists(), "it says that it is up"


def test_a_corrupted_artifact_is_noticed_and_named(tmp_path: Path, make_stack: MakeStack) -> None:
    for entry in artifacts.cache().iterdir():
        link = shutil.copytree if entry.is_dir() else os.symlink
        link(entry, tmp_path / entry.name)
    jar = tmp_path / artifacts.pinned()["hadoop-aws"].file
    content = bytearray(jar.read_bytes())
    jar.unlink()
    content[1000] ^= 1
    jar.write_bytes(content)
    done = make_stack().command("up", DATALAKE_CACHE=str(tmp_path), **NO_NETWORK)
    assert f"hadoop-aws: corrupted in the cache ({jar}" in done.stderr, done.stderr
    assert "artifact hadoop-aws" in the_line(done, 3), done.stderr


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    pretend = (
        "import runpy, sys; sys.version_info = (3, 9, 2); sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretend}" "$@"\n')
    old.chmod(0o755)
    checkout = tmp_path / "checkout"
    shutil.copytree(CHECKOUT / ".ci", checkout / ".ci")
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(CHECKOUT / name, checkout / name)
    done = subprocess.run(["make", "setup", f"PYTHON={old}"], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Python 3.9 is too old" in done.stderr, f"exit {done.returncode}: {done.stderr}"
    assert not (checkout / ".venv").exists(), "an environment was begun"


def test_jobs_name_a_missing_profile_and_a_wrong_token(tmp_path: Path, running_stack: Stack) -> None:
    missing = running_stack.run("spark_jobs.fingerprint", "a.b", "--connection", str(tmp_path / "none.json"))
    assert "there is no connection profile" in the_line(missing, 3), missing.stderr
    profile = (running_stack.state / "connection.json").read_text()
    wrong = tmp_path / "wrong.json"
    secrets = (running_stack.state / "secrets.json").read_text()
    token = secrets.partition('"spark-connect": "')[2].partition('"')[0]
    assert token, "no token in the secrets"
    wrong.write_text(profile.replace(token, "0" * len(token)))
    refused = running_stack.run("spark_jobs.generate", "nobody", "--customers", "1", "--connection", str(wrong))
    line = [line for line in refused.stderr.splitlines() if not line.startswith("nobody.")][-1]
    assert refused.returncode == 3 and "authentication token" in line, f"exit {refused.returncode}: {refused.stderr}"
    assert "Traceback" not in refused.stderr, refused.stderr


def test_a_wrong_store_secret_is_an_error_of_the_probe(tmp_path: Path, running_stack: Stack) -> None:
    """Whoever changed the account's secret by hand finds `status` naming the account."""
    done = running_stack.command("status", DATALAKE_MINIO_HARNESS="not-the-secret-of-it")
    assert done.returncode == 3, done.stdout
    assert "AccessDenied" in done.stdout and "'harness'" in done.stdout, done.stdout
