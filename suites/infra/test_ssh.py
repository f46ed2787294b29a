"""In by the one key as `datalake`, and in no other way: by what sshd says of itself, and by what it does.

facts: Proxmox, 5: X1 to X3. dev-sec's baseline takes `prohibit-password` for root; the plan does not.
"""

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from testinfra.host import Host

from fixtures.node import Planned
from provisioning.containers.keys import HostKeys, KeyPair, key_file
from provisioning.containers.login import Login
from provisioning.inventory import Inventory
from provisioning.state import State

pytestmark = [pytest.mark.requires("containers"), pytest.mark.impact("observe")]
USER = "datalake"
KEYS = f"/home/{USER}/.ssh/authorized_keys"
# Who gets in is one question; whether it is the right machine that one comes to is another, and has tests of its own.
ANY_HOST = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")


@cache
def effective(host: Host, user: str, comes_from: str) -> Mapping[str, tuple[str, ...]]:
    """What sshd's files would have it do for this user from there: each setting with all its values."""
    command = "mkdir -p /run/sshd; sshd -T -C user=%s,host=peer,addr=%s"
    lines = [line.partition(" ") for line in host.check_output(command, user, comes_from).splitlines()]
    return {key: tuple(value for name, _, value in lines if name == key) for key, _, _ in lines}


def everywhere(inventory: Inventory, container: Planned) -> list[str]:
    """From where somebody may come: the host, the container itself, and far away."""
    return [str(inventory.host.address), str(container.plan.address), "203.0.113.7"]


@pytest.mark.verifies("security.no-root-ssh")
def test_sshd_lets_no_root_in(container: Planned, inside: Host, inventory: Inventory) -> None:
    seen = {place: effective(inside, "root", place)["permitrootlogin"] for place in everywhere(inventory, container)}
    wrong = {place: value for place, value in seen.items() if value != ("no",)}
    assert seen and not wrong, f"{container}: sshd's PermitRootLogin is {wrong}, expected no from everywhere"


@pytest.mark.verifies("security.no-root-ssh")
def test_root_is_refused_with_the_one_key(container: Planned, login: Login) -> None:
    as_root = Login(login.address, login.key, login.known_hosts, user="root").run("true", options=ANY_HOST)
    assert as_root.returncode == 255 and "Permission denied" in as_root.stderr, (
        f"{container}: root with the key: exit {as_root.returncode}, {as_root.stderr.strip()!r}, expected to be refused"
    )


@pytest.mark.verifies("security.no-root-ssh")
def test_root_has_no_authorized_keys(container: Planned, inside: Host) -> None:
    keys = inside.check_output("cat /root/.ssh/authorized_keys 2>/dev/null || true").strip()
    assert not keys, f"{container}: root's authorized_keys has {keys[:80]!r}, expected nothing"


@pytest.mark.verifies("security.no-passwords")
@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("passwordauthentication", "no"),
        ("kbdinteractiveauthentication", "no"),
        ("permitemptypasswords", "no"),
        ("pubkeyauthentication", "yes"),
        ("authenticationmethods", "publickey"),
        ("allowusers", USER),
        ("authorizedkeysfile", ".ssh/authorized_keys"),
        ("authorizedkeyscommand", "none"),
        ("trustedusercakeys", "none"),
        ("permituserenvironment", "no"),
        ("x11forwarding", "no"),
        ("maxauthtries", "3"),
    ],
)
def test_sshd_asks_for_a_key_only(
    container: Planned, inside: Host, inventory: Inventory, setting: str, expected: str
) -> None:
    seen = {place: effective(inside, USER, place).get(setting) for place in everywhere(inventory, container)}
    wrong = {place: values for place, values in seen.items() if values != (expected,)}
    assert seen and not wrong, f"{container}: sshd's {setting} is {wrong}, expected {expected} from everywhere"


@pytest.mark.verifies("security.sshd")
def test_sshd_has_the_planned_files_only(container: Planned, inside: Host) -> None:
    """And no rule for some only: of a Match that none of the places above meets, sshd says nothing."""
    seen = inside.check_output(
        "ls /etc/ssh/sshd_config.d; grep -hi '^[[:space:]]*include' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*; "
        "grep -rli '^[[:space:]]*match' /etc/ssh || true"
    ).splitlines()
    expected = ["10-datalake.conf", "Include /etc/ssh/sshd_config.d/*.conf"]
    assert seen == expected, f"{container}: sshd's drop-ins, includes, files with a Match: {seen}, expected {expected}"


@pytest.mark.verifies("security.sshd")
@pytest.mark.usefixtures("login")
def test_what_sshd_runs_with_is_what_its_files_say(container: Planned, inside: Host) -> None:
    """`sshd -T` reads the files; a daemon that was started before the last change of them does something else."""
    files = "/etc/ssh/sshd_config /etc/ssh/sshd_config.d /etc/ssh/sshd_config.d/* /etc/default/ssh"
    # When the inode changed, whatever date the content has; of the folder, when a file came or went.
    changed = datetime.fromtimestamp(float(inside.check_output(f"stat -c %.Z {files} | sort -n | tail -1")), UTC)
    shown = "systemctl show ssh --timestamp=us+utc --property=ExecMainStartTimestamp --value"
    told = inside.check_output(shown)
    started = datetime.strptime(told, "%a %Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC) if told else None
    assert started and started >= changed, (
        f"{container}: sshd runs since {started or 'never'}, its files are of {changed}: restart it"
    )


@pytest.mark.verifies("security.sshd")
@pytest.mark.usefixtures("login")
def test_sshd_was_started_with_no_options(container: Planned, inside: Host) -> None:
    """They would go before its files: SSHD_OPTS in /etc/default/ssh, or a drop-in of its unit."""
    seen = inside.check_output("tr '\\0' ' ' </proc/$(systemctl show ssh --property=MainPID --value)/cmdline")
    expected = "sshd: /usr/sbin/sshd -D [listener]"
    assert seen.startswith(expected), f"{container}: unit ssh runs {seen[:200]!r}, expected {expected!r}"


@pytest.mark.verifies("security.no-passwords")
def test_it_offers_no_password_to_somebody_without_a_key(container: Planned, login: Login) -> None:
    without_key = ("PubkeyAuthentication=no", "PreferredAuthentications=password,keyboard-interactive")
    said = login.run("true", options=(*without_key, *ANY_HOST)).stderr.strip()
    assert said.endswith("Permission denied (publickey)."), f"{container}: offers {said!r}, expected publickey only"


@pytest.mark.verifies("security.one-key")
def test_the_one_key_opens_it_as_datalake(container: Planned, login: Login) -> None:
    done = login.run("id -un", options=ANY_HOST)
    seen = done.stdout.strip()
    assert seen == USER, (
        f"{container}: as {USER} by ssh: exit {done.returncode}, {seen or done.stderr.strip()!r}, expected {USER}"
    )


@pytest.mark.verifies("security.one-key")
def test_a_stranger_s_key_is_refused(container: Planned, login: Login, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    done = Login(login.address, stranger, login.known_hosts).run("true", options=ANY_HOST)
    assert done.returncode == 255 and "Permission denied" in done.stderr, (
        f"{container}: a stranger's key: exit {done.returncode}, {done.stderr.strip()!r}, expected to be refused"
    )


@pytest.mark.verifies("security.one-key")
def test_the_one_key_is_the_only_one(container: Planned, inside: Host, inventory: Inventory) -> None:
    lines = inside.check_output("cat %s", KEYS).splitlines()
    seen, expected = [" ".join(line.split()[:2]) for line in lines if line], [KeyPair(key_file(inventory)).public()]
    assert seen == expected, f"{container}: authorized_keys has {seen}, expected {expected}"


@pytest.mark.verifies("security.one-key")
@pytest.mark.parametrize(("path", "mode"), [(KEYS, 0o600), (f"/home/{USER}/.ssh", 0o700), (f"/home/{USER}", 0o700)])
def test_nobody_else_can_change_who_gets_in(container: Planned, inside: Host, path: str, mode: int) -> None:
    file = inside.file(path)
    seen = (oct(file.mode), file.user)
    assert seen == (oct(mode), USER), f"{container}: {path} has {seen}, expected {(oct(mode), USER)}"


@pytest.mark.verifies("security.host-keys")
def test_its_host_key_is_the_one_that_was_pinned(container: Planned, inside: Host, state: State) -> None:
    pinned = HostKeys(state.folder / "known_hosts").read().get(container.name)
    seen = " ".join(inside.check_output("ssh-keygen -yf /etc/ssh/ssh_host_ed25519_key").split()[:2])
    assert seen == pinned, f"{container}: host key is {seen}, pinned when it was made: {pinned}"


@pytest.mark.verifies("security.host-keys")
def test_it_shows_the_pinned_host_key_to_who_comes(container: Planned, login: Login, state: State) -> None:
    pinned = HostKeys(state.folder / "known_hosts").read().get(container.name)
    scan = ["ssh-keyscan", "-T", "5", "-t", "ed25519", login.address]
    said = subprocess.run(scan, capture_output=True, text=True, check=False).stdout.split()
    assert " ".join(said[1:3]) == pinned, f"{container}: shows {said[1:3]}, pinned when it was made: {pinned}"


@pytest.mark.verifies("security.host-keys")
def test_who_comes_with_the_pinned_key_is_not_warned(container: Planned, login: Login) -> None:
    done = login.run("true")
    # Whether it then lets us in is for others to say; to be refused by it, one has to believe that it is it.
    believed = done.returncode != 255 or "Permission denied" in done.stderr
    assert believed, f"{container}: ssh says {done.stderr.strip()!r}, expected the pinned host key"


@pytest.mark.verifies("security.host-keys")
def test_only_root_reads_its_host_keys(container: Planned, inside: Host) -> None:
    found = inside.check_output("stat -c '%n %a %U' /etc/ssh/ssh_host_*_key").splitlines()
    wrong = [line for line in found if not line.endswith(" 600 root")]
    assert found and not wrong, f"{container}: {wrong or 'no host key'}, expected mode 600 and owner root"
