"""Each service as its placement makes it: it knows its peers, tells no secret, and stays within its memory."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from provisioning.connection import Connection, profile
from provisioning.inventory import SERVICES as FOLDER
from provisioning.inventory import load
from provisioning.problem import Exit, Problem
from provisioning.services import SERVICES, Placement, client_secrets
from provisioning.services.minio import policy

PORTS = {"minio": 19000, "hive": 19083, "spark": 15002}
ALL_SECRETS = sorted({*client_secrets(SERVICES), *(name for service in SERVICES.values() for name in service.SECRETS)})
# What a person may set: signs that XML, a properties file and supervisord each have an opinion on.
SECRETS = {name: f"{name}:<&>%$x\\n" for name in ALL_SECRETS}
MEMORY = 2**30


def lakehouse(*services: str) -> Connection:
    """How clients reach a lakehouse with these services."""
    local = load("local")
    declared = {name: local.services[name] for name in services}
    return profile(local.model_copy(update={"services": declared}), Path("local.toml"), PORTS, SECRETS)


def placed(name: str, *services: str, memory: int = MEMORY) -> Placement:
    """A placement for a service, among all three unless said otherwise."""
    return Placement(
        home=Path("/state") / name,
        host="127.0.0.1",
        port=PORTS[name],
        memory=memory,
        java=Path("/java/bin/java"),
        python=Path("/python"),
        artifacts={artifact: Path("/cache") / artifact for artifact in SERVICES[name].ARTIFACTS},
        connection=lakehouse(*(services or SERVICES)),
        secrets={secret: SECRETS[secret] for secret in SERVICES[name].SECRETS},
    )


def properties(text: str) -> dict[str, str]:
    """A properties file as Java reads it."""
    pairs = (line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name: re.sub(r"\\(.)", _unescaped, value.strip()) for name, value in pairs}


def _unescaped(match: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(match[1], match[1])


def xml(text: str) -> dict[str, str]:
    """A Hadoop configuration file."""
    root = ElementTree.fromstring(text)
    return {str(entry.findtext("name")): str(entry.findtext("value")) for entry in root.iter("property")}


def bytes_of(size: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg]?)", size, re.I).groups()  # type: ignore[union-attr]
    return int(number) * {"": 1, "m": 2**20, "g": 2**30}[unit.lower()]


def test_each_folder_of_a_service_is_known_and_each_known_service_has_a_folder() -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    assert folders == SERVICES.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_a_command_tells_no_secret_to_whoever_lists_processes(name: str) -> None:
    command = SERVICES[name].command(placed(name))
    told = [secret for secret, value in SECRETS.items() if any(value in argument for argument in command.argv)]
    assert not told, f"{name}: {told} in argv"
    assert not any(f"{secret}:" in repr(command) for secret in SECRETS), f"{name}: repr() tells a secret"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gets_only_the_secrets_that_it_names(name: str) -> None:
    place = placed(name)
    carried = "\n".join([*SERVICES[name].files(place).values(), *SERVICES[name].command(place).env.values()])
    foreign = [secret for secret in ALL_SECRETS if secret not in SERVICES[name].SECRETS and f"{secret}:" in carried]
    assert not foreign, f"{name}: also has {foreign}"


def test_spark_knows_the_store_and_the_metastore() -> None:
    read = properties(SERVICES["spark"].files(placed("spark"))["spark.properties"])
    expected = {
        "spark.sql.catalog.lake.uri": "thrift://127.0.0.1:19083",
        "spark.sql.catalog.lake.warehouse": "s3://lake/warehouse",
        "spark.sql.catalog.lake.s3.endpoint": "http://127.0.0.1:19000",
        "spark.sql.catalog.lake.s3.secret-access-key": SECRETS["minio-spark"],
        "spark.hadoop.fs.s3a.endpoint": "http://127.0.0.1:19000",
        "spark.hadoop.fs.s3a.secret.key": SECRETS["minio-spark"],
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": "15002",
        "spark.sql.session.timeZone": "UTC",
    }
    assert {key: read.get(key) for key in expected} == expected


def test_spark_refuses_clients_without_its_token() -> None:
    assert (
        SERVICES["spark"].command(placed("spark")).env["SPARK_CONNECT_AUTHENTICATE_TOKEN"] == SECRETS["spark-connect"]
    )


def test_hive_knows_the_store_and_its_own_database() -> None:
    files = SERVICES["hive"].files(placed("hive"))
    core, site = xml(files["core-site.xml"]), xml(files["hive-site.xml"])
    assert core["fs.s3a.endpoint"] == "http://127.0.0.1:19000"
    assert (core["fs.s3a.access.key"], core["fs.s3a.secret.key"]) == ("spark", SECRETS["minio-spark"])
    assert site["javax.jdo.option.ConnectionURL"] == "jdbc:derby:/state/hive/data/metastore"


def test_hive_is_kept_to_its_host_by_a_class_that_stands_before_hives_own() -> None:
    argv = SERVICES["hive"].command(placed("hive")).argv
    assert "-Ddatalake.bind.host=127.0.0.1" in argv, argv
    classpath = argv[argv.index("-cp") + 1].split(":")
    hives_own = next(place for place in classpath if place.endswith("/jars/*"))
    assert classpath.index("/cache/metastore-bind") < classpath.index(hives_own), classpath


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        (("minio",), ("minio-backup", "minio-harness", "minio-spark")),
        (("hive",), ()),
        (("spark",), ("spark-connect",)),
        (("spark", "hive", "minio"), ("minio-backup", "minio-harness", "minio-spark", "spark-connect")),
    ],
    ids=["minio", "hive", "spark", "all"],
)
def test_clients_need_the_secrets_of_the_declared_services_and_no_other(
    declared: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert client_secrets(declared) == names
    local = load("local")
    services = {name: local.services[name] for name in declared}
    secrets = dict.fromkeys(names, "value")
    assert profile(local.model_copy(update={"services": services}), Path("local.toml"), PORTS, secrets)


def test_hive_makes_no_schema_of_its_own_and_reaps_the_locks_of_the_dead() -> None:
    site = xml(SERVICES["hive"].files(placed("hive"))["hive-site.xml"])
    assert site["datanucleus.schema.autoCreateAll"] == "false"
    assert site["hive.timedout.txn.reaper.interval"] == "5s"


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_listens_where_it_was_placed(name: str) -> None:
    place = placed(name)
    argv = " ".join(SERVICES[name].command(place).argv)
    files = "\n".join(SERVICES[name].files(place).values())
    assert str(PORTS[name]) in f"{argv}\n{files}", f"{name} is not told its port"
    assert "0.0.0.0" not in f"{argv}\n{files}", f"{name} listens everywhere"


def test_no_template_is_left_with_a_blank() -> None:
    text = "\n".join(text for name in SERVICES for text in SERVICES[name].files(placed(name)).values())
    for value in SECRETS.values():
        text = text.replace(value, "").replace(value.replace("\\", "\\\\"), "").replace("$x", "")
    assert "$" not in text, [line for line in text.splitlines() if "$" in line]


@pytest.mark.parametrize("name", ["hive", "spark"])
@pytest.mark.parametrize("memory", [512 * 2**20, 3 * 2**30, 4 * 10**9])
def test_a_heap_is_at_most_three_quarters_of_the_memory(name: str, memory: int) -> None:
    place = placed(name, memory=memory)
    (heap,) = [argument[4:] for argument in SERVICES[name].command(place).argv if argument.startswith("-Xmx")]
    assert memory // 4 <= bytes_of(heap) <= memory * 0.75, f"{name}: {heap} of {memory} bytes"


def test_spark_is_told_the_same_heap_twice() -> None:
    place = placed("spark")
    read = properties(SERVICES["spark"].files(place)["spark.properties"])
    assert f"-Xmx{read['spark.driver.memory']}" in SERVICES["spark"].command(place).argv


def test_minio_keeps_within_its_memory() -> None:
    assert int(SERVICES["minio"].command(placed("minio")).env["GOMEMLIMIT"]) <= MEMORY * 0.75


@pytest.mark.parametrize(
    ("name", "peers", "remedy"),
    [
        ("hive", ("hive",), "[services.minio]"),
        ("spark", ("spark", "minio"), "[services.hive]"),
        ("spark", ("spark", "hive"), "[services.minio]"),
    ],
    ids=["hive-alone", "spark-without-hive", "spark-without-minio"],
)
def test_a_service_without_what_it_needs_is_a_matter_of_the_inventory(
    name: str, peers: tuple[str, ...], remedy: str
) -> None:
    with pytest.raises(Problem) as caught:
        SERVICES[name].files(placed(name, *peers))
    assert (caught.value.code, caught.value.where) == (Exit.USAGE, name), caught.value
    assert remedy in caught.value.remedy, caught.value


def allowed(account: str, action: str, bucket: str) -> bool:
    """Whether an account may do that in a bucket, as S3 judges: allowed by one statement, denied by none."""
    s3 = lakehouse("minio").s3
    assert s3 is not None
    effects = {
        statement["Effect"] for statement in policy(account, s3)["Statement"] if _concerns(statement, action, bucket)
    }
    return effects == {"Allow"}


def _concerns(statement: Mapping[str, Any], action: str, bucket: str) -> bool:
    patterns = [re.escape(pattern).replace(r"\*", ".*") for pattern in statement["Action"]]
    places = {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"}
    return any(re.fullmatch(pattern, action) for pattern in patterns) and bool(
        places & {*statement.get("Resource", ())}
    )


READ = ("s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation")
DELETE = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:DeleteBucket")


@pytest.mark.parametrize("action", [*DELETE, "s3:PutObject", "s3:PutBucketPolicy", "s3:PutLifecycleConfiguration"])
def test_spark_can_neither_delete_nor_change_backups(action: str) -> None:
    assert not allowed("spark", action, "backups"), f"spark may {action} in the backups"


@pytest.mark.parametrize("action", [*DELETE, "s3:PutObject"])
def test_the_backup_account_can_change_no_table(action: str) -> None:
    assert not allowed("backup", action, "lake"), f"backup may {action} in the warehouse"


@pytest.mark.parametrize("action", DELETE)
def test_the_backup_account_cannot_delete_what_it_saved(action: str) -> None:
    assert not allowed("backup", action, "backups"), f"backup may {action} in the backups"


@pytest.mark.parametrize(
    ("account", "actions", "bucket"),
    [
        ("spark", (*READ, "s3:PutObject", "s3:DeleteObject"), "lake"),
        ("spark", READ, "backups"),
        ("backup", READ, "lake"),
        ("backup", (*READ, "s3:PutObject"), "backups"),
        ("harness", (*READ, "s3:PutObject", "s3:DeleteObject"), "lake"),
        ("harness", (*READ, "s3:DeleteObject"), "backups"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_account_can_do_its_work(account: str, actions: tuple[str, ...], bucket: str) -> None:
    denied = [action for action in actions if not allowed(account, action, bucket)]
    assert not denied, f"{account} may not {denied} in {bucket}"


@pytest.mark.parametrize("account", ["harness", "spark", "backup"])
def test_a_policy_names_the_buckets_of_the_inventory_and_no_other(account: str) -> None:
    s3 = lakehouse("minio").s3
    assert s3 is not None
    text = json.dumps(policy(account, s3))
    assert {*re.findall(r"arn:aws:s3:::([^/\"]*)", text)} == {"lake", "backups"}, text
    assert "@" not in text, text
