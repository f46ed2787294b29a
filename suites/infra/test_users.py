"""Who there is, who may become root, and what others may read (facts: Proxmox, 5: X3, X4)."""

import subprocess

import pytest
from testinfra.host import Host

from fixtures.node import Planned
from provisioning.containers.keys import key_file
from provisioning.inventory import Inventory
from provisioning.state import CHECKOUT

pytestmark = [pytest.mark.requires("containers"), pytest.mark.impact("observe")]
USER = "datalake"
LOCKED = "*!"


@pytest.mark.verifies("security.users")
def test_root_and_datalake_are_the_only_ones_with_a_shell(container: Planned, inside: Host) -> None:
    entries = [line.split(":") for line in inside.check_output("getent passwd").splitlines()]
    seen = {entry[0] for entry in entries if not entry[6].endswith(("/nologin", "/false", "/sync"))}
    assert seen == {"root", USER}, f"{container}: {sorted(seen)} have a shell, expected root and {USER}"


@pytest.mark.verifies("security.users")
def test_root_is_the_only_root(container: Planned, inside: Host) -> None:
    roots = inside.check_output("getent passwd | awk -F: '$3 == 0 {print $1}'").split()
    assert roots == ["root"], f"{container}: {roots} have user number 0, expected root alone"


@pytest.mark.verifies("security.users")
def test_nobody_has_a_password(container: Planned, inside: Host) -> None:
    entries = [line.split(":")[:2] for line in inside.check_output("getent shadow").splitlines()]
    wrong = [name for name, password in entries if not password or password[0] not in LOCKED]
    assert entries and not wrong, f"{container}: {wrong} can be logged in to by password, expected every one locked"


@pytest.mark.verifies("security.sudo")
def test_datalake_becomes_root_and_nobody_else_does(container: Planned, inside: Host) -> None:
    rules = inside.check_output(
        "grep -hEv '^[[:space:]]*(#|@|Defaults|$)' /etc/sudoers /etc/sudoers.d/* | tr -s ' \\t' ' '"
    ).splitlines()
    members = inside.check_output("getent group sudo | cut -d: -f4")
    expected = {"root ALL=(ALL:ALL) ALL", "%sudo ALL=(ALL:ALL) ALL", f"{USER} ALL=(ALL:ALL) NOPASSWD: ALL"}
    assert (set(rules), members) == (expected, ""), (
        f"{container}: sudo's rules are {sorted(rules)}, group sudo {members!r}; expected {sorted(expected)}, nobody"
    )


@pytest.mark.verifies("security.sudo")
def test_nobody_else_can_change_sudo_s_rules(container: Planned, inside: Host) -> None:
    found = inside.check_output("stat -c '%n %a %U' /etc/sudoers /etc/sudoers.d /etc/sudoers.d/*").splitlines()
    wrong = [line for line in found if not line.endswith((" 440 root", " 755 root", " 750 root"))]
    assert f"/etc/sudoers.d/{USER} 440 root" in found and not wrong, f"{container}: {wrong or found}, expected 440 root"


@pytest.mark.verifies("security.secrets")
def test_others_read_no_secret(container: Planned, inside: Host) -> None:
    """By name, as secrets are called here: environment files, private keys, whatever says secret or password."""
    names = " -o ".join(f"-name '{name}'" for name in ("*.env", "*secret*", "*password*", "*_key", "*.key", "id_*"))
    # Python's module of that name, PAM's common-password and debconf's empty one are no secrets.
    found = inside.check_output(
        f"find /etc /home /opt /root /srv /var/lib -xdev -type f -perm -o+r \\( {names} \\) "
        "-not -name '*.py' -not -path '/etc/pam.d/*' -not -path '/var/lib/dpkg/*' -not -path '/var/lib/pam/*'"
    ).splitlines()
    assert not found, f"{container}: everybody may read {found}, expected mode 0600 or 0640"


@pytest.mark.verifies("security.secrets")
def test_the_private_key_is_ours_alone_and_not_in_git(inventory: Inventory) -> None:
    key = key_file(inventory)
    modes = (oct(key.stat().st_mode & 0o777), oct(key.parent.stat().st_mode & 0o777))
    assert modes == ("0o600", "0o700"), f"{key} and its folder have modes {modes}, expected 0600 and 0700"
    assert not key.resolve().is_relative_to(CHECKOUT), (
        f"{key}: lies in the checkout, one `git add` from being published"
    )
    tracked = subprocess.run(
        ["git", "-C", CHECKOUT, "ls-files", "*ed25519*"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not tracked, f"git has {tracked}, expected no key"
