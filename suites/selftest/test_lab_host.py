"""What the lab asks of and leaves on its host: control groups, lines of others' files, mounts, sources, processes."""

import struct
from pathlib import Path

import pytest

from provisioning.lab import cgroups, daemons, host, image, lxc, mounts, named, namespace, shifting, subids
from provisioning.lab.cgroups import Family
from provisioning.lab.config import Config
from provisioning.lab.settings import Settings
from provisioning.problem import Problem

SETTINGS = Settings("t", Path("/s"), Path("/c"), "192.168.4.25", 24, "192.168.4.1", "vmbr0")
NET = "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01"
KAFKA = Config({
    "hostname": "kafka", "memory": "1024", "swap": "512", "cores": "8", "net0": NET,
})  # fmt: skip


def hierarchy(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("cpuset memory pids\n")
    return root


def test_a_host_with_cgroup2_beside_v1_controllers_counts_as_v1(tmp_path: Path) -> None:
    hybrid = hierarchy(tmp_path, "memory/cgroup.procs", "cpuset/cgroup.procs", "unified/cgroup.controllers")
    assert cgroups.family(hybrid) == Family(hybrid, unified=False)
    assert cgroups.missing(hybrid) == []


def test_a_host_with_cgroup2_alone_counts_as_v2(tmp_path: Path) -> None:
    pure = hierarchy(tmp_path, "cgroup.controllers")
    assert cgroups.family(pure) == Family(pure, unified=True)
    assert cgroups.missing(pure) == []


def test_a_controller_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert cgroups.missing(hierarchy(tmp_path, "cpuset/cgroup.procs")) == ["memory"]


def test_memory_limits_are_those_of_proxmox_in_either_family() -> None:
    v2 = cgroups.limits(KAFKA.current, unified=True, swap_counted=True)
    v1 = cgroups.limits(KAFKA.current, unified=False, swap_counted=True)
    assert v2 == {"memory.high": "1065353216", "memory.max": "1073741824", "memory.swap.max": "536870912"}
    assert v1 == {"memory.limit_in_bytes": "1073741824", "memory.memsw.limit_in_bytes": "1610612736"}
    assert len(cgroups.limits(KAFKA.current, unified=False, swap_counted=False)) == 1


@pytest.mark.parametrize(("cores", "vmid", "chosen"), [(1, 109, "1"), (1, 110, "0"), (2, 110, "0,1"), (8, 109, "0,1")])
def test_cpus_are_as_many_as_the_host_has_and_rotate(cores: int, vmid: int, chosen: str) -> None:
    assert cgroups.cpus([0, 1], cores, vmid) == chosen


@pytest.mark.parametrize(("text", "numbers"), [("0-2,5\n", [0, 1, 2, 5]), ("3", [3]), ("\n", [])])
def test_lists_of_cpus_are_read(text: str, numbers: list[int]) -> None:
    assert cgroups.parse_cpus(text) == numbers


@pytest.mark.parametrize(("unified", "has", "lacks"), [
    (True, "lxc.cgroup2.memory.max = ", "lxc.cgroup.memory"),
    (False, "lxc.cgroup.memory.limit_in_bytes = ", "lxc.cgroup2."),
])  # fmt: skip
def test_a_container_starts_with_keys_of_the_hosts_family_only(unified: bool, has: str, lacks: str) -> None:
    offer = lxc.Offer(Family(Path("/cg"), unified), [0, 1], swap_counted=True, apparmor=False)
    text = lxc.render(SETTINGS, 109, KAFKA, offer)
    assert has in text and lacks not in text
    assert "lxc.cgroup.dir.container = datalake-t/109\n" in text and "net.0.link" not in text
    assert "cpuset.cpus = 0,1\n" in text


@pytest.mark.parametrize(
    ("given", "unified", "found"),
    [
        ({"cpulimit": "1.5"}, True, {"cpu.max": "150000 100000"}),
        ({"cpuunits": "200"}, True, {"cpu.max": "max 100000", "cpu.weight": "200"}),
        ({"cpulimit": "0.5"}, False, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}),
        ({}, False, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "-1"}),
    ],
)
def test_a_cpu_limit_is_a_quota(given: dict[str, str], unified: bool, found: dict[str, str]) -> None:
    assert cgroups.quota(given, unified) == found


def test_a_mounted_disk_grows_only_where_root_may() -> None:
    assert lxc.may_grow_mounted("Name:\tx\nCapEff:\t000001ffffffffff\n")
    assert not lxc.may_grow_mounted("Name:\tx\nCapEff:\t000001fffeffffff\n")


def test_a_lab_takes_back_its_own_line_and_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subids, "LOCK", tmp_path / "lock")
    files, records = (tmp_path / "subuid",), (tmp_path / "one", tmp_path / "two")
    files[0].write_text(f"{subids.LINE}\nme:1:2")
    assert [subids.add(record, files) for record in (*records, records[0])] == [True, True, False]
    assert files[0].read_text().splitlines().count(subids.LINE) == 3
    assert [subids.take_back(record) for record in (*records, records[0])] == [True, True, False]
    assert files[0].read_text() == f"{subids.LINE}\nme:1:2\n"


def test_mounts_are_read_with_their_escapes() -> None:
    text = "36 35 98:0 /m /mnt/a\\040b rw - ext3 /dev/root rw\n37 35 0:5 / /proc rw - proc proc rw\n"
    assert mounts.targets(text) == ["/mnt/a b", "/proc"]


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("/usr/bin/lxcfs -f /s/lxcfs ", True),
        ("named -c /s/named/named.conf", True),
        ("named -c /etc/bind/named.conf", False),
        ("lxcfs /s2/lxcfs", False),
        ("vi /s/named/named.conf", False),
        ("", False),
    ],
)
def test_a_process_is_ours_by_its_program_and_our_folder(line: str, ours: bool) -> None:
    assert daemons.is_ours(line, Path("/s"), ("lxcfs", "named")) is ours


def test_sources_of_the_host_are_read_in_both_forms_and_only_the_releases_main() -> None:
    main = "deb [arch=amd64 signed-by=/k] http://mirror.test/debian bookworm main"
    listed = f"{main} contrib\ndeb-src http://s.test bookworm main\n"
    uris = "Types: deb\n# note\nURIs: http://mirror.test/debian\n"
    stanza = f"{uris}Suites: bookworm bookworm-updates trixie\nComponents: main\n"
    other = "deb https://vendor.test/linux bookworm stable\ndeb http://mirror.test/debian trixie main\n"
    assert image.host_sources([listed, other]) == [
        "deb [arch=amd64 signed-by=/k] http://mirror.test/debian bookworm main"
    ]
    assert image.host_sources([f"{stanza}Signed-By: /k\n\n{stanza}Enabled: no\n"]) == [
        "deb [signed-by=/k] http://mirror.test/debian bookworm main",
        "deb [signed-by=/k] http://mirror.test/debian bookworm-updates main",
    ]


def test_another_recipe_makes_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.key()
    assert image.key() == before
    monkeypatch.setattr(image, "PACKAGES", (*image.PACKAGES, "less"))
    assert image.key() != before


def test_a_file_capability_is_given_to_the_root_of_the_container() -> None:
    plain = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
    assert struct.unpack("<6I", shifting.of_root(plain, 100_000)) == (0x03000001, 1 << 13, 0, 0, 0, 100_000)


def test_the_name_server_listens_on_the_host_and_serves_the_given_zones_only() -> None:
    text = named.render(SETTINGS, Path("/d"), {"gti.local": "…"})
    assert "listen-on { 192.168.4.25; 127.0.0.1; }" in text and "allow-query { 192.168.4.0/24; 127.0.0.0/8; }" in text
    assert "recursion no" in text and text.count("zone ") == 1


def test_a_namespace_that_there_is_not_is_a_problem_for_who_enters_or_needs_it() -> None:
    assert not namespace.inside("datalake-none")
    for ask in (namespace.enter, namespace.require):
        with pytest.raises(Problem, match="does not exist; bring the lab up"):
            ask("datalake-none")


def test_settings_are_kept_in_the_state_folder_and_a_folder_without_is_a_problem(tmp_path: Path) -> None:
    lab = Settings("t", tmp_path, Path("/c"), "192.168.4.25", 24, "192.168.4.1", "vmbr0")
    assert [lab.write(), lab.write()] == [True, False]
    assert Settings.read(tmp_path) == lab
    with pytest.raises(Problem, match="holds no lab"):
        Settings.read(tmp_path / "nowhere")


@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 0\n"])
def test_no_service_starts_while_packages_are_installed_and_the_hosts_policy_comes_back(
    before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, seen = tmp_path / "policy-rc.d", list[str]()
    if before:
        policy.write_text(before)
    monkeypatch.setattr(host, "POLICY", policy)
    monkeypatch.setattr(host, "PROGRAMS", {"none-such": "none-such"})
    monkeypatch.setattr(host, "run", lambda *_: seen.append(policy.read_text()))
    host.install(lambda _: None)
    assert seen and all("exit 101" in text for text in seen)
    assert (policy.read_text() if policy.exists() else None) == before


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "PROGRAMS", {"none-such": "none-such", "dash": "sh"})
    told = [line for line in host.lacking() if line.startswith("package")]
    assert told == ["package none-such is not installed: sudo make lab"]
