"""The plan is the one of the design, and what is wrong in an inventory is one line: file, key, remedy."""

from pathlib import Path

import pytest

from provisioning.inventory import find, load, shipped
from provisioning.problem import Exit, Problem

GIB, GB = 2**30, 10**9

# Section 2 of the design: container, CT, memory in GiB, cores, disk in GB, address.
PLAN = {
    "gitea": (118, 1, 1, 10, "192.168.4.26"),
    "minio": (119, 2, 2, 20, "192.168.4.31"),
    "hive": (121, 2, 2, 10, "192.168.4.32"),
    "spark": (120, 4, 4, 20, "192.168.4.33"),
    "kafka": (109, 4, 2, 20, "192.168.4.34"),
    "airflow": (116, 4, 2, 20, "192.168.4.36"),
    "superset": (115, 4, 2, 20, "192.168.4.37"),
}
RUNS = {
    "gitea": ("gitea", "gitea-runner"),
    "minio": ("minio",),
    "hive": ("hive", "mariadb"),
    "spark": ("spark",),
    "kafka": ("kafka",),
    "airflow": ("airflow",),
    "superset": ("superset",),
}

# What a person may get wrong: text, the key that is named, what else has to be said.
WRONG = {
    "top-level": ('colour = "red"', "colour", ["unknown key", "containers", "services"]),
    "service": ('[services.minio]\nport = 1\nprot = "x"', "services.minio.prot", ["unknown key", "memory", "tls"]),
    "container": ('[containers.hive]\nramm = "1 GiB"', "containers.hive.ramm", ["unknown key", "cores", "memory"]),
    "host": ("[host]\ncpus = 4", "host.cpus", ["unknown key", "address, cores"]),
    "store": ('[store]\nbucket = "x"', "store.bucket", ["unknown key", "warehouse_bucket"]),
    "budget": ("[budget]\nbytes = 4", "budget.bytes", ["unknown key", "free_disk, rows"]),
    "wrong-unit": ('[containers.hive]\nmemory = "2 GB/s"', "containers.hive.memory", ["2 GB/s", "MiB, GiB, MB, GB"]),
    "no-unit": ("[containers.hive]\nmemory = 2048", "containers.hive.memory", ["2048", "MiB, GiB, MB, GB"]),
    "address": ('[host]\naddress = "192.168.4.256"', "host.address", ["IPv4 or IPv6", "192.168.4.256"]),
    "name-for-address": ('[containers.hive]\naddress = "hive"', "containers.hive.address", ["IPv4 or IPv6", "'hive'"]),
    "ct": ("[containers.hive]\nct = 99", "containers.hive.ct", ["greater than or equal to 100", "99"]),
    "cores": ('[containers.hive]\ncores = "two"', "containers.hive.cores", ["integer", "'two'"]),
    "port": ("[services.minio]\nport = 65536", "services.minio.port", ["65535", "65536"]),
    "port-missing": ("[services.minio]\n", "services.minio.port", ["missing", "add it"]),
    "unknown-service": (
        "[services.oracle]\nport = 1",
        "services.oracle",
        ["no service that we know", "hive, minio, spark"],
    ),
    "version": ('[versions]\nscala = "2.13"', "versions.scala", ["'iceberg'", "'scala'"]),
    "account": ('[store.accounts]\nroot = "x"', "store.accounts.root", ["'harness'", "'root'"]),
    "box": ("[containers.my_box]\nct = 200", "containers.my_box", ["should match pattern"]),
    "little-memory": ('[containers.hive]\nmemory = "1 MiB"', "containers.hive.memory", ["16777216", "1 MiB"]),
    "many-cores": ("[containers.hive]\ncores = 9000", "containers.hive.cores", ["8192", "9000"]),
    "odd-disk": ('[containers.hive]\ndisk = "500 MB"', "containers.hive.disk", ["whole GB or GiB", "500 MB"]),
    "impact": ('impact = "explode"', "impact", ["'observe', 'write' or 'disrupt'", "explode"]),
    "reason": ('accepts = ["broken"]', "accepts.0", ["'not-declared'", "broken"]),
    "known-failure": (
        "[[known_failures]]\npromise = 'x'\nexception = 'Y'",
        "known_failures.0.link",
        ["missing", "add it"],
    ),
    "no-table": ("containers = 3", "containers", ["dictionary", "it says 3"]),
}


def site(folder: Path, text: str = "", *, name: str = "site") -> Path:
    """An inventory of a site's own that extends the plan."""
    path = folder / f"{name}.toml"
    path.write_text(f'format = 1\nextends = "plan"\nname = "{name}"\ntarget = "site"\n{text}', encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    """The one line that reading the inventory ends with."""
    with pytest.raises(Problem) as caught:
        load(str(path))
    line = str(caught.value)
    assert caught.value.code == Exit.USAGE, f"exit code {caught.value.code}: {line}"
    assert line.count("\n") == 0, line
    return line


@pytest.mark.parametrize("name", PLAN)
def test_the_plan_has_each_container_as_designed(name: str) -> None:
    container = load("plan").containers[name]
    ct, memory, cores, disk, address = PLAN[name]
    seen = (container.ct, container.memory, container.cores, container.disk, str(container.address))
    assert seen == (ct, memory * GIB, cores, disk * GB, address), f"{name}: {container}"


def test_the_plan_has_no_other_containers_and_they_run_what_was_designed() -> None:
    seen = {name: container.runs for name, container in load("plan").containers.items()}
    assert seen == RUNS


def test_the_plan_has_the_host_as_designed() -> None:
    host = load("plan").host
    assert (str(host.address), host.memory, host.cores, host.disk) == ("192.168.4.25", 16 * GIB, 4, 100 * GB), host


def test_only_hive_was_moved_from_its_planned_address() -> None:
    moved = {name: str(c.planned_address) for name, c in load("plan").containers.items() if c.planned_address}
    assert moved == {"hive": "192.168.4.33"}


def test_the_plan_has_the_versions_the_domain_and_the_key_as_designed() -> None:
    plan = load("plan")
    assert (plan.domain, plan.dns, plan.ssh_key) == (
        "gti.local",
        "proxmox-host",
        "scripts/key/ct_datalake_id_ed25519",
    )
    software = {"python": "3.11", "spark": "4.0.1", "iceberg": "1.10.0", "hive": "2.3.10"}
    assert plan.versions == {**software, "proxmox": "8", "debian": "12"}


def test_the_plan_is_on_paper_and_declares_no_service() -> None:
    plan = load("plan")
    assert (plan.target, plan.services) == ("paper", {})


@pytest.mark.parametrize("name", shipped())
def test_each_shipped_inventory_loads_under_its_own_name(name: str) -> None:
    assert load(name).name == name


def test_local_follows_the_plan_and_stays_on_loopback() -> None:
    local, plan = load("local"), load("plan")
    assert (local.containers, local.host, local.versions) == (plan.containers, plan.host, plan.versions)
    hosts = {name: service.host for name, service in local.services.items()}
    assert hosts == dict.fromkeys(("minio", "hive", "spark"), "127.0.0.1")


def test_an_overlay_changes_only_the_keys_that_it_names(tmp_path: Path) -> None:
    changed = load(str(site(tmp_path, '[containers.spark]\nmemory = "8 GiB"\n')))
    plan = load("plan")
    expected = plan.containers["spark"].model_copy(update={"memory": 8 * GIB})
    assert changed.containers == {**plan.containers, "spark": expected}


def test_an_overlay_replaces_lists_as_a_whole(tmp_path: Path) -> None:
    changed = load(str(site(tmp_path, '[containers.hive]\nruns = ["hive"]\n')))
    assert changed.containers["hive"].runs == ("hive",)


def test_an_inventory_extends_one_beside_it_through_several_steps(tmp_path: Path) -> None:
    site(tmp_path, "seed = 7\n[budget]\nrows = 5\n", name="base")
    top = site(tmp_path, "[budget]\nfree_disk = '2 GB'\n", name="top")
    top.write_text(top.read_text().replace('extends = "plan"', 'extends = "base"'))
    loaded = load(str(top))
    assert (loaded.name, loaded.seed, loaded.budget.rows, loaded.budget.free_disk) == ("top", 7, 5, 2 * GB), loaded


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_key_is_named_with_what_is_allowed(tmp_path: Path, case: str) -> None:
    text, key, hints = WRONG[case]
    path = site(tmp_path, text)
    line = refusal(path)
    assert line.startswith(f"{path}: {key}: "), line
    missing = [hint for hint in hints if hint not in line]
    assert not missing, f"{missing} not in: {line}"


@pytest.mark.parametrize(
    ("before", "after", "key", "hint"),
    [
        ("format = 1", "format = 2", "format", "should be 1; it says 2"),
        ('target = "site"', 'target = "cloud"', "target", "'paper', 'local', 'site', 'lab' or 'proxmox'"),
        ('name = "site"', 'name = "My Site"', "name", "pattern"),
    ],
    ids=["format", "target", "name"],
)
def test_a_wrong_head_is_named(tmp_path: Path, before: str, after: str, key: str, hint: str) -> None:
    path = site(tmp_path)
    path.write_text(path.read_text().replace(before, after))
    line = refusal(path)
    assert line.startswith(f"{path}: {key}: "), line
    assert hint in line, line


def test_a_missing_key_is_named_and_the_others_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "bare.toml"
    path.write_text('format = 1\nname = "bare"\ntarget = "site"\n', encoding="utf-8")
    line = refusal(path)
    assert line == f"{path}: domain: missing (and 5 more); add it"


def test_extending_in_a_circle_is_refused(tmp_path: Path) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / f"{name}.toml").write_text(f'extends = "{other}"\n', encoding="utf-8")
    line = refusal(tmp_path / "one.toml")
    assert line == f"{tmp_path / 'one.toml'}: extends: extends itself; break the circle"


def test_a_file_called_like_what_it_extends_means_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "local.toml"
    path.write_text('extends = "local"\nseed = 7\n', encoding="utf-8")
    loaded = load(str(path))
    assert (loaded.seed, loaded.services) == (7, load("local").services)


@pytest.mark.parametrize("extends", ['"nowhere"', "5"], ids=["unknown", "no-name"])
def test_extending_what_is_not_there_names_file_key_and_choices(tmp_path: Path, extends: str) -> None:
    path = site(tmp_path)
    path.write_text(path.read_text().replace('"plan"', extends))
    line = refusal(path)
    assert line.startswith(f"{path}: extends: "), line
    assert "local, plan" in line, line


@pytest.mark.parametrize(
    "content", [b"format = = 1\n", b"name = 'a'\nname = 'b'\n", b"name = '\xff'\n"], ids=["syntax", "twice", "encoding"]
)
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    line = refusal(path)
    assert line.startswith(f"{path}: no TOML: "), line
    assert line.endswith("mend that line"), line


def test_an_unreadable_file_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = site(tmp_path)

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)  # modes do not stop root
    assert refusal(path) == f"{path}: Permission denied; make it readable"


@pytest.mark.parametrize(
    "choice", ["nowhere", "folder", "x" * 300, "missing.toml"], ids=["name", "folder", "long", "file"]
)
def test_an_inventory_that_is_not_there_lists_the_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(Problem) as caught:
        find(choice)
    assert caught.value.code == Exit.USAGE, f"exit code {caught.value.code}"
    expected = (
        f"--inventory {choice}: there is no such inventory; give a path to one, or one of: {', '.join(shipped())}"
    )
    assert str(caught.value) == expected


def test_an_inventory_cannot_be_changed_after_reading() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load("plan").seed = 43
