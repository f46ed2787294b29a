"""The one key pair is made once and privately, a spoiled one is refused; and host keys are kept as they were seen."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provisioning.containers.keys import PEM, HostKeys, KeyPair, key_file
from provisioning.inventory import load
from provisioning.problem import Problem
from provisioning.state import CHECKOUT

HOST_KEYS = {"kafka": "ssh-ed25519 AAAAkafka", "airflow": "ssh-ed25519 AAAAairflow"}
ADDRESSES = {"kafka": "192.168.4.34", "airflow": "192.168.4.36", "minio": "192.168.4.31"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[KeyPair, str]:
    """A pair that was made, and its public half."""
    pair = KeyPair(tmp_path_factory.mktemp("pair") / "deep/key")
    return pair, pair.ensure()


def copied(made: tuple[KeyPair, str], folder: Path, mode: int = 0o600) -> KeyPair:
    """The same private key in another place."""
    (folder / "key").write_bytes(made[0].private.read_bytes())
    (folder / "key").chmod(mode)
    return KeyPair(folder / "key")


def refused(pair: KeyPair) -> str:
    with pytest.raises(Problem) as caught:
        pair.public()
    line = str(caught.value)
    assert line.startswith(f"{pair.private}: ") and "\n" not in line, line
    return line


def test_a_pair_is_made_for_its_owner_only(made: tuple[KeyPair, str]) -> None:
    pair, public = made
    modes = {path: f"{path.stat().st_mode & 0o777:o}" for path in (pair.private, pair.private.parent)}
    assert list(modes.values()) == ["600", "700"], modes
    assert public.startswith("ssh-ed25519 AAAA") and len(public.split()) == 2, public


def test_both_halves_lie_side_by_side_and_nothing_else(made: tuple[KeyPair, str]) -> None:
    pair, public = made
    assert sorted(entry.name for entry in pair.private.parent.iterdir()) == ["key", "key.pub"]
    assert (pair.private.parent / "key.pub").read_text() == f"{public} datalake\n"


def test_a_pair_that_is_there_is_kept(made: tuple[KeyPair, str]) -> None:
    pair, public = made
    before = pair.private.read_bytes()
    assert pair.ensure() == public
    assert pair.private.read_bytes() == before


def test_two_pairs_differ(made: tuple[KeyPair, str], tmp_path: Path) -> None:
    assert KeyPair(tmp_path / "other").ensure() != made[1]


def test_the_public_half_follows_from_the_private_one_alone(made: tuple[KeyPair, str], tmp_path: Path) -> None:
    assert copied(made, tmp_path).public() == made[1]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o400, 0o700, 0o606])
def test_a_key_of_another_mode_is_refused_with_the_command_that_mends_it(
    made: tuple[KeyPair, str], tmp_path: Path, mode: int
) -> None:
    line = refused(copied(made, tmp_path, mode))
    assert f"has mode 0{mode:o} and owner {os.geteuid()}, ssh will not take it; chmod 600 it" in line, line


def test_a_key_of_another_owner_is_refused(
    made: tuple[KeyPair, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, owner = copied(made, tmp_path), os.geteuid()
    monkeypatch.setattr("provisioning.containers.keys.os.geteuid", lambda: owner + 1)
    line = refused(pair)
    assert f"owner {owner}, ssh will not take it; chmod 600 it, and let user {owner + 1} own it" in line, line


def test_a_missing_key_is_refused(tmp_path: Path) -> None:
    assert "is not there; restore it, or remove it: `up` makes another" in refused(KeyPair(tmp_path / "none"))


def test_a_key_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be read (Not a directory)" in refused(KeyPair(tmp_path / "file/key"))


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"-----BEGIN OPENSSH PRIVATE KEY-----\n", b"\xff\x00"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    assert "; restore it, or remove it: `up` makes another" in refused(KeyPair(tmp_path / "key"))


def test_a_public_half_in_the_place_of_a_private_one_is_refused(made: tuple[KeyPair, str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text(made[1])
    (tmp_path / "key").chmod(0o600)
    refused(KeyPair(tmp_path / "key"))


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    locked = serialization.BestAvailableEncryption(b"secret")
    made = Ed25519PrivateKey.generate().private_bytes(PEM, serialization.PrivateFormat.PKCS8, locked)
    (tmp_path / "key").write_bytes(made)
    (tmp_path / "key").chmod(0o600)
    assert "passphrase" in refused(KeyPair(tmp_path / "key"))


def test_a_spoiled_key_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("garbage")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(Problem):
        KeyPair(tmp_path / "key").ensure()
    assert (tmp_path / "key").read_text() == "garbage"


def test_a_pair_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem, match="cannot be written"):
        KeyPair(tmp_path / "file/deep/key").ensure()


@pytest.mark.parametrize(
    ("written", "path"),
    [("/etc/key", Path("/etc/key")), ("~/key", Path("/home/me/key")), ("key", CHECKOUT / "key")],
    ids=["absolute", "home", "relative"],
)
def test_a_key_lies_where_the_inventory_says(monkeypatch: pytest.MonkeyPatch, written: str, path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert key_file(load("proxmox").model_copy(update={"ssh_key": written})) == path


@pytest.mark.parametrize("inventory", ["lab", "proxmox"])
def test_no_shipped_inventory_keeps_its_key_in_the_checkout(inventory: str) -> None:
    assert not key_file(load(inventory)).resolve().is_relative_to(CHECKOUT)


def test_host_keys_are_read_as_they_were_pinned(tmp_path: Path) -> None:
    pinned = HostKeys(tmp_path / "state/known_hosts")
    pinned.update(HOST_KEYS, ADDRESSES, "gti.local")
    assert pinned.read() == HOST_KEYS
    assert f"{pinned.file.stat().st_mode & 0o777:o}" == "600"


def test_ssh_finds_a_pinned_key_by_name_full_name_and_address(tmp_path: Path) -> None:
    pinned = HostKeys(tmp_path / "known_hosts")
    pinned.update(HOST_KEYS, ADDRESSES, "gti.local")
    assert pinned.file.read_text().splitlines() == [
        "airflow,airflow.gti.local,192.168.4.36 ssh-ed25519 AAAAairflow",
        "kafka,kafka.gti.local,192.168.4.34 ssh-ed25519 AAAAkafka",
    ]


def test_a_new_key_takes_the_place_of_the_older_and_others_stay(tmp_path: Path) -> None:
    pinned = HostKeys(tmp_path / "known_hosts")
    pinned.update(HOST_KEYS, ADDRESSES, "gti.local")
    pinned.update({"kafka": "ssh-ed25519 AAAAnew"}, ADDRESSES, "gti.local")
    assert pinned.read() == {**HOST_KEYS, "kafka": "ssh-ed25519 AAAAnew"}


def test_a_key_is_forgotten_with_its_container(tmp_path: Path) -> None:
    pinned = HostKeys(tmp_path / "known_hosts")
    pinned.update(HOST_KEYS, ADDRESSES, "gti.local")
    pinned.update({"kafka": None}, ADDRESSES, "gti.local")
    assert pinned.read().keys() == HOST_KEYS.keys() - {"kafka"}


def test_keys_follow_to_where_their_containers_are_planned_now(tmp_path: Path) -> None:
    pinned = HostKeys(tmp_path / "known_hosts")
    pinned.update(HOST_KEYS, ADDRESSES, "gti.local")
    pinned.update({}, {"kafka": "192.168.4.99"}, "gti.local")
    assert pinned.file.read_text() == f"kafka,kafka.gti.local,192.168.4.99 {HOST_KEYS['kafka']}\n"


def test_before_anything_was_made_no_host_key_is_known(tmp_path: Path) -> None:
    assert HostKeys(tmp_path / "known_hosts").read() == {}


def test_with_nothing_to_pin_nothing_is_known(tmp_path: Path) -> None:
    pinned = HostKeys(tmp_path / "known_hosts")
    pinned.update({}, ADDRESSES, "gti.local")
    assert pinned.read() == {}
