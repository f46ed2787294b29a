"""What is in the way on a node is named, each thing by itself; and nothing is where all is well."""

from pathlib import Path
from typing import Any, cast

import pytest

from provisioning.containers.preflight import check_inventory, examine
from provisioning.hypervisor.node import Capacity, Node
from provisioning.inventory import Inventory, load
from provisioning.problem import Exit, Problem

TEMPLATE = "local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst"
STORES = [
    {"storage": "local", "content": "vztmpl,iso,backup"},
    {"storage": "local-lvm", "content": "rootdir,images"},
]
CONTENT = "/nodes/pve/storage/local/content"
SOUND: dict[str, Any] = {
    "/nodes/pve/storage": STORES,
    CONTENT: [{"volid": TEMPLATE, "content": "vztmpl"}],
    "/nodes/pve/network": [{"iface": "vmbr0", "type": "bridge"}],
    "/cluster/status": [{"type": "cluster", "name": "home"}, {"type": "node", "name": "pve", "local": 1}],
    "/cluster/resources": [{"type": "lxc", "vmid": 109, "node": "pve"}, {"type": "qemu", "vmid": 100, "node": "b"}],
}


class FakeNode:
    """A node that answers what it was given, and nothing else."""

    def __init__(self, answers: dict[str, Any], version: str, memory: int) -> None:
        self.answers, self.version, self.memory = answers, version, memory

    def get(self, path: str, **query: str) -> Any:
        return self.answers[path]

    def release(self) -> str:
        return self.version

    def capacity(self) -> Capacity:
        return Capacity(cores=4, memory=self.memory, swap=0)


def in_the_way(version: str = "8.4.1", memory: int = 16 * 2**30, **changed: Any) -> list[str]:
    answers = {**SOUND, **{path: changed[key] for key, path in PATHS.items() if key in changed}}
    node = cast(Node, FakeNode(answers, version, memory))
    return [str(problem) for problem in examine(node, load("proxmox"))]


PATHS = {
    "cluster": "/cluster/status",
    "resources": "/cluster/resources",
    "stores": "/nodes/pve/storage",
    "templates": CONTENT,
    "network": "/nodes/pve/network",
}


def inventory(folder: Path, text: str) -> Inventory:
    path = folder / "mine.toml"
    path.write_text(f'format = 1\nextends = "proxmox"\nname = "mine"\n{text}', encoding="utf-8")
    return load(str(path))


def test_nothing_is_in_the_way_where_all_is_well() -> None:
    assert in_the_way() == []


@pytest.mark.parametrize("version", ["8.4", "8.4.14", "8.10.1", "9.0.3"])
def test_a_release_that_we_know_is_taken(version: str) -> None:
    assert in_the_way(version=version) == []


@pytest.mark.parametrize("version", ["7.4-3", "8.3.5", "10.0", "80.1", "9", ""])
def test_a_release_that_we_do_not_know_is_refused(version: str) -> None:
    assert in_the_way(version=version) == [f"node: Proxmox VE {version}; we know 8.4 to 9: upgrade it"]


def test_a_template_that_is_not_there_comes_with_the_command_that_fetches_it() -> None:
    (line,) = in_the_way(templates=[{"volid": "local:vztmpl/alpine.tar.xz"}])
    assert line.startswith(f"hypervisor.template {TEMPLATE}: no such template; there: local:vztmpl/alpine.tar.xz; "), (
        line
    )
    assert "pveam update; pveam download local debian-12-standard_12.12-1_amd64.tar.zst (pveam available" in line, line


def test_a_storage_without_any_template_says_so() -> None:
    (line,) = in_the_way(templates=[])
    assert "no such template; there: none; " in line, line


def test_the_storage_of_the_template_has_to_be_there() -> None:
    lines = in_the_way(stores=STORES[1:])
    assert lines == [f"hypervisor.template {TEMPLATE}: no such storage; one of: local-lvm"]


def test_the_storage_of_the_disks_has_to_be_there() -> None:
    assert in_the_way(stores=STORES[:1]) == ["hypervisor.storage local-lvm: no such storage; one of: local"]


def test_a_node_without_any_storage_says_so_twice() -> None:
    lines = in_the_way(stores=[])
    assert [line.partition("; ")[2] for line in lines] == ["make one", "make one"], lines


@pytest.mark.parametrize("content", ["images", "images,iso", "", "norootdir"])
def test_a_storage_that_takes_no_containers_is_refused_with_the_command_that_lets_it(content: str) -> None:
    (line,) = in_the_way(stores=[STORES[0], {"storage": "local-lvm", "content": content}])
    assert line.startswith("hypervisor.storage local-lvm: takes no containers"), line
    assert f"pvesm set local-lvm --content {content + ',' if content else ''}rootdir," in line, line


@pytest.mark.parametrize("content", ["rootdir", "images,rootdir", "rootdir,images"])
def test_a_storage_that_takes_containers_is_taken(content: str) -> None:
    assert in_the_way(stores=[STORES[0], {"storage": "local-lvm", "content": content}]) == []


@pytest.mark.parametrize(
    ("network", "choices"),
    [
        ([{"iface": "vmbr1", "type": "bridge"}, {"iface": "vmbr9", "type": "bridge"}], "one of: vmbr1, vmbr9"),
        ([], "make one"),
    ],
    ids=["others", "none"],
)
def test_a_bridge_that_is_not_there_is_refused_with_those_that_are(network: list[Any], choices: str) -> None:
    assert in_the_way(network=network) == [f"hypervisor.bridge vmbr0: no such bridge; {choices}"]


@pytest.mark.parametrize("kind", ["bridge", "OVSBridge", "vnet"])
def test_a_bridge_of_any_kind_is_taken(kind: str) -> None:
    assert in_the_way(network=[{"iface": "vmbr0", "type": kind}]) == []


def test_a_node_of_another_name_is_told_alone_for_it_cannot_be_asked_more() -> None:
    lines = in_the_way(cluster=[{"type": "node", "name": "pve2", "local": 1}], stores=[])
    assert lines == [
        "hypervisor.node pve: this node is called 'pve2'; put node = \"pve2\" there, or go to pve by hypervisor.ssh"
    ]


@pytest.mark.parametrize(("kind", "node"), [("qemu", "pve"), ("lxc", "pve2"), ("qemu", "pve2")])
def test_a_number_that_the_cluster_has_given_to_another_is_refused(kind: str, node: str) -> None:
    (line,) = in_the_way(resources=[{"type": kind, "vmid": 109, "node": node, "name": "mail"}])
    assert line == f"kafka (CT 109): its number is that of {kind} 'mail' on node {node}; plan another number"


def test_a_container_that_is_larger_than_the_whole_node_is_named() -> None:
    lines = in_the_way(memory=2**31)
    assert [line.partition(" ")[0] for line in lines] == ["spark", "kafka", "airflow", "superset"], lines
    assert lines[0].startswith("spark (CT 120): is to have 4.0 GiB, the node has 2.0 GiB; "), lines


def test_a_container_that_just_fits_is_not() -> None:
    assert in_the_way(memory=4 * 2**30) == []
    assert len(in_the_way(memory=4 * 2**30 - 1)) == 4


def test_everything_that_is_in_the_way_is_told_together() -> None:
    lines = in_the_way(version="7.4", stores=STORES[:1], network=[], templates=[])
    assert len(lines) == 4, lines


@pytest.mark.parametrize("name", ["lab", "proxmox"])
def test_the_shipped_inventories_can_be_made(name: str) -> None:
    check_inventory(load(name))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[containers.hive]\naddress = "192.168.4.33"', "CT 121 (hive) and CT 120 (spark) share 192.168.4.33"),
        ('[containers.hive]\naddress = "192.168.4.25"', "host and CT 121 (hive) share 192.168.4.25"),
        ("[containers.hive]\nct = 120", "hive and spark share the number CT 120"),
        ('[containers.hive]\naddress = "192.168.4.1"', "CT 121 (hive) has 192.168.4.1, the gateway"),
        ('[containers.hive]\naddress = "192.168.4.0"', "CT 121 (hive) has 192.168.4.0, the network"),
        ('[containers.hive]\naddress = "192.168.4.255"', "CT 121 (hive) has 192.168.4.255, the broadcast address"),
        ('[containers.hive]\naddress = "10.0.0.9"', "CT 121 (hive) has 10.0.0.9, outside 192.168.4.0/24"),
        ('[containers.hive]\naddress = "fd00::9"', "CT 121 (hive) has fd00::9, outside 192.168.4.0/24"),
    ],
    ids=["shared", "hosts", "number", "gateway", "network", "broadcast", "foreign", "ipv6"],
)
def test_what_no_node_could_make_is_refused_before_it_is_asked(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Problem) as caught:
        check_inventory(inventory(tmp_path, text))
    assert str(caught.value) == f"inventory mine: {said}; give each its own"
    assert caught.value.code == Exit.USAGE


def test_a_wider_network_takes_an_address_that_a_narrow_one_refuses(tmp_path: Path) -> None:
    check_inventory(inventory(tmp_path, '[hypervisor]\nprefix = 22\n[containers.hive]\naddress = "192.168.5.0"'))
