"""`plan --show-commands` prints what one would type on a Proxmox host: each option held against Proxmox's own schema.

The schema is written down here a second time, from facts: Proxmox, §1.2, with nothing of ours: what we would send to a
host that we have not got must at least be what it takes.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from provisioning import commands as cli

Check = Callable[[str], bool]

LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
NAME = rf"{LABEL}(\.{LABEL})*"
OSTYPES = {
    "debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine", "gentoo", "nixos", "unmanaged",
}  # fmt: skip
FEATURES = {"nesting", "keyctl", "fuse", "mknod", "force_rw_sys"}


def whole(least: int, most: int | None = None) -> Check:
    """An integer as Proxmox reads it: digits alone."""
    return lambda text: bool(re.fullmatch(r"\d+", text)) and least <= int(text) and (most is None or int(text) <= most)


def like(pattern: str) -> Check:
    return lambda text: re.fullmatch(pattern, text) is not None


def each(check: Check, separator: str = r"[\s,;]+") -> Check:
    return lambda text: bool(text) and all(check(part) for part in re.split(separator, text))


def boolean(text: str) -> bool:
    return text.lower() in {"1", "on", "yes", "true", "0", "off", "no", "false"}


def address(text: str) -> bool:
    try:
        return str(IPv4Address(text)) == text
    except ValueError:
        return False


def cidr(text: str) -> bool:
    """An IPv4 address with a prefix: Proxmox refuses a bare one."""
    host, slash, prefix = text.partition("/")
    return text in ("dhcp", "manual") or (bool(slash) and address(host) and whole(8, 32)(prefix))


def unicast_mac(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", text)) and int(text[:2], 16) % 2 == 0


def parts(parsers: dict[str, Check], *required: str) -> Check:
    """A property string: every part has a key that is known, once, with a value of its own kind."""

    def check(text: str) -> bool:
        pairs = [part.partition("=")[::2] for part in text.split(",")]
        keys = [key for key, _ in pairs]
        known = all(key in parsers and parsers[key](value) for key, value in pairs)
        return known and len({*keys}) == len(keys) and {*required} <= {*keys}

    return check


NET = parts(
    {
        "name": like(r"[-_.\w]+"), "bridge": like(r"[-_.\w]+"), "hwaddr": unicast_mac, "ip": cidr, "gw": address,
        "mtu": whole(64, 65535), "firewall": boolean, "tag": whole(1, 4094), "rate": like(r"\d+(\.\d+)?"),
        "link_down": boolean, "type": like("veth"), "ip6": like(r"auto|dhcp|manual|[0-9a-f:]+/\d+"),
    },
    "name",
)  # fmt: skip
SCHEMA: dict[str, Check] = {
    "hostname": lambda text: len(text) <= 255 and like(NAME)(text),
    "cores": whole(1, 8192),
    "cpulimit": like(r"\d+(\.\d+)?"),
    "cpuunits": whole(0, 500_000),
    "memory": whole(16),
    "swap": whole(0),
    "rootfs": like(r"[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]:[1-9]\d*(\.\d+)?"),  # on create: STORAGE:GIB
    "net0": NET,
    "nameserver": each(address),
    "searchdomain": each(like(NAME)),
    "features": parts({**dict.fromkeys(FEATURES, boolean), "mount": like(r"\w+(;\w+)*")}),
    "unprivileged": boolean,
    "onboot": boolean,
    "startup": like(r"((order=)?\d+|order=\d+)(,up=\d+)?(,down=\d+)?"),
    "tags": each(like(r"(?i)[a-z0-9_][a-z0-9_\-+.]*")),
    "description": lambda text: len(text) <= 8192,
    "protection": boolean,
    "ostype": lambda text: text in OSTYPES,
    "storage": like(r"[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]"),
}


def faults(command: str) -> list[str]:
    """What Proxmox would refuse of a `pct create …`; nothing where it would take it."""
    program, verb, vmid, template, *words = shlex.split(command)
    wrong = []
    if (program, verb) != ("pct", "create"):
        wrong.append(f"{program} {verb}")
    if not re.fullmatch(r"[1-9][0-9]{2,8}", vmid):
        wrong.append(f"vmid {vmid}")
    if not re.fullmatch(r"[\w.-]+:vztmpl/[^/\s]+\.tar\.(gz|xz|zst)", template) or len(template) > 255:
        wrong.append(f"template {template}")
    names = [word.removeprefix("--") for word in words[::2]]
    if len(words) % 2 or not all(word.startswith("--") for word in words[::2]) or len({*names}) != len(names):
        return [*wrong, f"options do not come in pairs, each once: {words}"]
    unknown = [name for name in names if name not in SCHEMA]
    refused = [
        f"{name} {value}"
        for name, value in zip(names, words[1::2], strict=True)
        if name in SCHEMA and not SCHEMA[name](value)
    ]
    return [*wrong, *(f"unknown {name}" for name in unknown), *refused]


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines for a Proxmox host that cannot be asked: nothing of this machine's is."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DATALAKE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DATALAKE_CACHE", str(tmp_path / "cache"))
    code = cli.main(["plan", "--show-commands", "--inventory", "proxmox"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, ""), err
    return out.splitlines()


def creates(lines: list[str]) -> Iterator[str]:
    return (line for line in lines if line.startswith("pct create "))


def option(command: str, name: str) -> str:
    words = shlex.split(command)
    return words[words.index(f"--{name}") + 1]


def test_every_planned_container_is_made_and_then_started(printed: list[str]) -> None:
    numbers = [shlex.split(command)[2] for command in creates(printed)]
    assert sorted(numbers) == ["109", "115", "116", "118", "119", "120", "121"], numbers
    assert [line for line in printed if not line.startswith(("pct create ", "#"))] == [
        f"pct start {number}" for number in numbers
    ]


def test_a_node_that_cannot_be_asked_is_a_comment_above_the_commands(printed: list[str]) -> None:
    first, *rest, last = printed
    assert first.startswith("# pvesh: cannot be run here "), first
    assert first.endswith(": the node was not asked"), first
    assert not [line for line in rest if line.startswith("#")], rest
    assert last.startswith("# up then sets inside each, by pct exec: the user datalake"), last


def test_proxmox_would_take_every_option_of_every_command(printed: list[str]) -> None:
    wrong = {command.split()[2]: found for command in creates(printed) if (found := faults(command))}
    assert wrong == {}
    assert len(list(creates(printed))) == 7


def test_no_command_leaves_to_a_default_what_differs_between_releases(printed: list[str]) -> None:
    for command in creates(printed):
        explicit = {name: option(command, name) for name in ("unprivileged", "onboot", "ostype")}
        assert explicit == {"unprivileged": "1", "onboot": "1", "ostype": "debian"}, command
        assert int(option(command, "memory")) >= 1024 and int(option(command, "cores")) >= 1, command


def test_no_command_carries_a_secret(printed: list[str]) -> None:
    text = "\n".join(printed)
    assert not re.search(r"password|ssh-public-keys|PRIVATE", text), text


def test_two_commands_share_no_address_and_no_mac(printed: list[str]) -> None:
    nets = [option(command, "net0") for command in creates(printed)]
    for key in ("ip", "hwaddr"):
        values = [match[1] for net in nets if (match := re.search(rf"\b{key}=([^,]+)", net))]
        assert len({*values}) == len(values) == 7, values


SOUND = (
    "pct create 109 local:vztmpl/debian-12.tar.zst --rootfs local-lvm:20 --hostname kafka --memory 4096 --swap 512 "
    "--cores 2 --net0 name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:6D,ip=192.168.4.34/24,gw=192.168.4.1,mtu=1500 "
    "--nameserver 192.168.4.25 --searchdomain gti.local --unprivileged 1 --features nesting=1 --onboot 1 "
    "--startup order=1,up=30 --tags 'datalake;kafka' --ostype debian"
)


def test_the_schema_takes_a_sound_command() -> None:
    assert faults(SOUND) == []


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("--swap", "--swapp", "unknown swapp"),
        ("--ostype debian", "--colour red", "unknown colour"),
        ("pct create", "pct clone", "pct clone"),
        ("create 109", "create 99", "vmid 99"),
        ("create 109", "create 0109", "vmid 0109"),
        ("debian-12.tar.zst", "debian-12", "template local:vztmpl/debian-12"),
        ("local-lvm:20 ", "20 ", "rootfs 20"),
        ("local-lvm:20 ", "local-lvm:0 ", "rootfs local-lvm:0"),
        ("local-lvm:20 ", "local-lvm:20G ", "rootfs local-lvm:20G"),
        ("hostname kafka", "hostname my_kafka", "hostname my_kafka"),
        ("hostname kafka", "hostname -kafka", "hostname -kafka"),
        ("hostname kafka", "hostname kafka.", "hostname kafka."),
        ("hostname kafka", f"hostname {'k' * 256}", f"hostname {'k' * 256}"),
        ("memory 4096", "memory 15", "memory 15"),
        ("memory 4096", "memory 4G", "memory 4G"),
        ("memory 4096", "memory 4096.0", "memory 4096.0"),
        ("swap 512", "swap -1", "swap -1"),
        ("cores 2", "cores 0", "cores 0"),
        ("cores 2", "cores 8193", "cores 8193"),
        ("searchdomain gti.local", "searchdomain gti.local.", "searchdomain gti.local."),
        ("nameserver 192.168.4.25", "nameserver ns1", "nameserver ns1"),
        ("unprivileged 1", "unprivileged maybe", "unprivileged maybe"),
        ("onboot 1", "onboot 2", "onboot 2"),
        ("nesting=1", "nesting=1,flying=1", "features nesting=1,flying=1"),
        ("nesting=1", "nesting", "features nesting"),
        ("order=1,up=30", "soon", "startup soon"),
        ("datalake;kafka", "data lake!", "tags data lake!"),
        ("debian", "windows", "ostype windows"),
    ],
)
def test_the_schema_refuses_a_planted_wrong_word(before: str, after: str, fault: str) -> None:
    head, found, tail = SOUND.rpartition(before) if before == "debian" else SOUND.partition(before)
    assert found, f"{before} is not in the sound command"
    assert faults(head + after + tail) == [fault]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name=eth0,", ""),
        ("name=eth0", "name=eth 0"),
        ("4.34/24", "4.34"),
        ("4.34/24", "4.34/7"),
        ("4.34/24", "4.34/33"),
        ("4.34/24", "4.340/24"),
        ("4.34/24", "4.034/24"),
        ("gw=192.168.4.1", "gw=192.168.4.1/24"),
        ("hwaddr=BC", "hwaddr=BD"),
        ("hwaddr=BC:", "hwaddr="),
        ("hwaddr=BC:24:11", "hwaddr=BC-24-11"),
        ("mtu=1500", "mtu=63"),
        ("mtu=1500", "mtu=65536"),
        ("mtu=1500", "mtu"),
        ("mtu=1500", "mtu=1500,mtu=1500"),
        ("mtu=1500", "mtu=1500,tag=4095"),
        ("mtu=1500", "mtu=1500,colour=red"),
        ("bridge=vmbr0,", "bridge=,"),
    ],
)
def test_the_schema_refuses_a_planted_wrong_network(before: str, after: str) -> None:
    assert before in SOUND, f"{before} is not in the sound command"
    (fault,) = faults(shlex.join(word.replace(before, after, 1) for word in shlex.split(SOUND)))
    assert fault.startswith("net0 "), fault


@pytest.mark.parametrize("tail", [" --onboot", " --onboot 0", " onboot 1"])
def test_the_schema_refuses_options_that_are_no_pairs_or_come_twice(tail: str) -> None:
    (fault,) = faults(SOUND + tail)
    assert fault.startswith("options do not come in pairs, each once"), fault
