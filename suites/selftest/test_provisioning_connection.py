"""The connection profile: what provisioning writes is what the jobs read, privately and without repeating secrets."""

import json
import shlex
import stat
from pathlib import Path

import pytest

from provisioning import connection
from provisioning.connection import Connection
from provisioning.inventory import Inventory, load
from provisioning.services import SERVICES, client_secrets
from spark_jobs import profile as jobs

LOCAL = load("local")
PORTS = {"minio": 9000, "hive": 9083, "spark": 15002}
SECRETS = {name: f"value-of-{name}" for name in client_secrets(SERVICES)}


def made(inventory: Inventory = LOCAL) -> Connection:
    return connection.profile(inventory, Path("/lake/local.toml"), PORTS, SECRETS)


def declaring(*names: str) -> Inventory:
    """The local inventory with only these services."""
    return LOCAL.model_copy(update={"services": {name: LOCAL.services[name] for name in names}})


def test_the_jobs_read_what_provisioning_writes(tmp_path: Path) -> None:
    written, path = made(), tmp_path / "connection.json"
    connection.write(written, path)
    read = jobs.read(path)
    assert written.s3
    assert written.catalog
    assert written.spark
    assert read.s3
    assert read.catalog
    for name in ("endpoint", "region", "warehouse_bucket", "backup_bucket"):
        assert getattr(read.s3, name) == getattr(written.s3, name), name
    for name in ("harness", "spark", "backup"):
        theirs, ours = read.s3.accounts[name], getattr(written.s3, name)
        assert (theirs.access_key, theirs.secret_key) == (ours.access_key, ours.secret_key), name
    for name in ("name", "uri", "warehouse"):
        assert getattr(read.catalog, name) == getattr(written.catalog, name), name
    assert (read.spark_remote, read.spark_token) == (written.spark.remote, written.spark.token)
    assert (read.inventory, read.ca_file, read.row_budget) == ("local", written.ca_file, written.row_budget)


def test_both_sides_speak_the_same_format() -> None:
    assert connection.FORMAT == jobs.FORMAT


@pytest.mark.parametrize(
    "services", [(), ("minio",), ("minio", "hive"), ("spark",)], ids=lambda names: "+".join(names) or "none"
)
def test_a_part_that_is_not_declared_is_none_on_both_sides(tmp_path: Path, services: tuple[str, ...]) -> None:
    written = made(declaring(*services))
    connection.write(written, tmp_path / "connection.json")
    read = jobs.read(tmp_path / "connection.json")
    seen = [part for part, there in (("minio", read.s3), ("hive", read.catalog), ("spark", read.spark_remote)) if there]
    assert seen == [name for name in ("minio", "hive", "spark") if name in services]


def test_the_profile_has_the_addresses_that_were_chosen() -> None:
    profile = made()
    assert profile.s3
    assert profile.catalog
    assert profile.spark
    assert (profile.s3.endpoint, profile.s3.address, profile.s3.tls) == (
        "http://127.0.0.1:9000",
        "127.0.0.1:9000",
        False,
    )
    assert profile.catalog.uri == "thrift://127.0.0.1:9083"
    assert profile.spark.remote == "sc://localhost:15002", "Spark's client sends a token in clear to `localhost` only"


def test_each_kind_of_client_has_an_account_and_a_key_of_its_own() -> None:
    s3 = made().s3
    assert s3 is not None
    keys = {
        name: (account.access_key, account.secret_key)
        for name, account in vars(s3).items()
        if hasattr(account, "secret_key")
    }
    assert keys == {name: (name, f"value-of-minio-{name}") for name in ("harness", "spark", "backup")}


def test_a_site_with_tls_is_reached_by_https_at_its_own_name() -> None:
    services = {
        "minio": LOCAL.services["minio"].model_copy(update={"host": "s3.site", "tls": True}),
        "spark": LOCAL.services["spark"].model_copy(update={"host": "spark.site"}),
    }
    profile = made(LOCAL.model_copy(update={"services": services, "ca_file": "/etc/ca.pem"}))
    assert profile.s3
    assert profile.spark
    assert (profile.s3.endpoint, profile.s3.tls) == ("https://s3.site:9000", True)
    assert (profile.spark.remote, profile.ca_file) == ("sc://spark.site:15002", "/etc/ca.pem")


def test_the_profile_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    connection.write(made(), tmp_path / "connection.json")
    mode = stat.S_IMODE((tmp_path / "connection.json").stat().st_mode)
    assert mode == 0o600, f"{mode:o}"


def test_no_representation_repeats_a_secret(tmp_path: Path) -> None:
    connection.write(made(), tmp_path / "connection.json")
    shown = repr(made()) + repr(jobs.read(tmp_path / "connection.json"))
    told = [name for name, value in SECRETS.items() if value in shown]
    assert not told, f"repr() shows {told}"
    assert "access_key='harness'" in shown, "repr() shows no account at all, so nothing was tried"


def test_the_shell_gets_values_that_survive_it() -> None:
    secrets = {**SECRETS, "minio-harness": "it's $HOME; `x`"}
    profile = connection.profile(LOCAL, Path("/lake/local.toml"), PORTS, secrets)
    lines = connection.shell(profile, Path("/a folder/connection.json")).splitlines()
    values = dict(shlex.split(line)[1].split("=", 1) for line in lines)
    assert all(line.startswith("export ") for line in lines), lines
    assert values["DATALAKE_CONNECTION"] == "/a folder/connection.json"
    assert values["AWS_SECRET_ACCESS_KEY"] == "it's $HOME; `x`"
    assert values["SPARK_REMOTE"] == "sc://localhost:15002/;token=value-of-spark-connect"


def test_the_shell_gets_nothing_of_what_is_not_declared() -> None:
    lines = connection.shell(made(declaring()), Path("connection.json"))
    assert lines == "export DATALAKE_CONNECTION=connection.json"


def test_the_file_is_plain_json_with_its_format(tmp_path: Path) -> None:
    connection.write(made(), tmp_path / "connection.json")
    assert json.loads((tmp_path / "connection.json").read_text())["format"] == 1
