"""Who there is, who may become root, and what others may read (facts: Proxmox, 5: X3, X4)."""

import re
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
SETUID = {  # Debian's own
    *(f"/usr/bin/{name}" for name in ("chage", "chfn", "chsh", "expiry", "gpasswd", "mount", "newgrp", "passwd")),
    *(f"/usr/bin/{name}" for name in ("crontab", "ping", "ssh-agent", "su", "sudo", "umount", "wall", "write")),
    *(f"/usr/{name}" for name in ("bin/dotlockfile", "sbin/postdrop", "sbin/postqueue")),  # in Proxmox's template
    "/usr/sbin/unix_chkpwd", "/usr/lib/openssh/ssh-keysign", "/usr/lib/dbus-1.0/dbus-daemon-launch-helper",
}  # fmt: skip
SECRETS = (
    "*.env", "*secret*", "*password*", "*credential*", "*token*", "*_key", "*.key", "*.pem", "id_*", ".pgpass",
)  # fmt: skip
TELLING = re.compile(r"([A-Za-z0-9_]*(?:PASSW|SECRET|TOKEN|CREDENTIAL|_KEY)[A-Za-z0-9_]*)=", re.IGNORECASE)
PRIVATE_KEY = "^-----BEGIN [A-Z ]*PRIVATE KEY-----$"


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
    public = [line.split(":")[:2] for line in inside.check_output("getent passwd").splitlines()]
    wrong += [name for name, password in public if password != "x"]
    assert entries and public and not wrong, (
        f"{container}: {wrong} can be logged in to by password, expected every one locked"
    )


@pytest.mark.verifies("security.sudo")
def test_only_root_and_datalake_may_use_sudo(container: Planned, inside: Host) -> None:
    """As sudo itself sees it: by rule, group or included file."""
    users = inside.check_output("getent passwd | cut -d: -f1").split()
    ask = "for u in {}; do sudo -l -U $u | grep -q 'may run the following' && echo $u; done; true"
    seen = set(inside.check_output(ask.format(" ".join(users))).split())
    assert seen == {"root", USER}, f"{container}: {sorted(seen)} may use sudo, expected root and {USER}"


@pytest.mark.verifies("security.sudo")
def test_datalake_becomes_root_without_a_password(container: Planned, inside: Host) -> None:
    done = inside.run("runuser -u %s -- sudo -n id -u", USER)
    assert done.stdout.strip() == "0", (
        f"{container}: sudo as {USER}: {done.stderr.strip() or done.stdout!r}, expected 0"
    )


@pytest.mark.verifies("security.sudo")
def test_sudo_has_the_planned_rules_only(container: Planned, inside: Host) -> None:
    rules = inside.check_output(
        "grep -hEv '^[[:space:]]*(#[^i]|#$|Defaults[[:space:]]+(env_reset|mail_badpass|secure_path|use_pty)|$)' "
        "/etc/sudoers /etc/sudoers.d/* | tr -s ' \\t' ' '"
    ).splitlines()
    expected = {
        "root ALL=(ALL:ALL) ALL", "%sudo ALL=(ALL:ALL) ALL", f"{USER} ALL=(ALL:ALL) NOPASSWD: ALL",
        "@includedir /etc/sudoers.d",
    }  # fmt: skip
    members = inside.check_output("getent group sudo | cut -d: -f4")
    assert (set(rules), members) == (expected, ""), (
        f"{container}: sudo's rules are {sorted(rules)}, group sudo {members!r}; expected {sorted(expected)}, nobody"
    )


@pytest.mark.verifies("security.users")
def test_only_known_programs_run_as_another_user(container: Planned, inside: Host) -> None:
    found = inside.check_output("find / -ignore_readdir_race -xdev -type f -perm /6000").splitlines()
    odd = [path for path in found if path not in SETUID]
    # Capabilities are the same by another way; ping's own opens no door.
    granted = inside.check_output("getcap -r /").splitlines()
    odd += [line for line in granted if line != "/usr/bin/ping cap_net_raw=ep"]
    assert found and not odd, f"{container}: {odd} run as another user or group, expected none beyond Debian's own"


@pytest.mark.verifies("security.users")
def test_only_root_changes_the_system(container: Planned, inside: Host) -> None:
    open_ones = inside.check_output(
        "find /etc -xdev ! -type l \\( -perm /022 -o ! -user root \\); "
        "find /usr /opt /root -xdev ! -type l \\( -perm /002 -o ! -user root \\)"
    ).splitlines()
    shadow = inside.check_output("stat -c '%a %U %G' /etc/passwd /etc/shadow /etc/gshadow").splitlines()
    assert (open_ones, shadow) == ([], ["644 root root", "640 root shadow", "640 root shadow"]), (
        f"{container}: others may change {open_ones}; passwd, shadow and gshadow are {shadow}, expected 644, 640, 640"
    )


@pytest.mark.verifies("security.sudo")
def test_nobody_else_can_change_sudo_s_rules(container: Planned, inside: Host) -> None:
    found = inside.check_output("stat -c '%n %a %U' /etc/sudoers /etc/sudoers.d /etc/sudoers.d/*").splitlines()
    wrong = [line for line in found if not line.endswith((" 440 root", " 755 root", " 750 root"))]
    assert f"/etc/sudoers.d/{USER} 440 root" in found and not wrong, f"{container}: {wrong or found}, expected 440 root"


@pytest.mark.verifies("security.secrets")
def test_others_read_no_secret(container: Planned, inside: Host) -> None:
    """By name, as secrets are called here: environment files, private keys, whatever says secret or password."""
    names = " -o ".join(f"-name '{pattern}'" for pattern in SECRETS)
    # Python's module of that name, PAM's common-password and the CAs' certificates are no secrets.
    found = inside.check_output(
        "find /etc /home /opt /root /run /srv /tmp /usr/local /var -ignore_readdir_race -xdev -type f -perm -o+r "
        f"\\( {names} \\) "
        "-not -name '*.py' -not -path '/etc/pam.d/*' -not -path '/var/lib/dpkg/*' -not -path '/var/lib/pam/*' "
        "-not -path '/etc/ssl/certs/*' -not -path '/run/systemd/*'"
    ).splitlines()
    holding = "grep -rlsI 'BEGIN.* PRIVATE KEY' /etc /home /opt /srv /usr/local /var"
    found += inside.check_output(f'{holding} | while IFS= read -r f; do find "$f" -perm -o+r; done').splitlines()
    assert not found, f"{container}: everybody may read {found}, expected mode 0600 or 0640"


@pytest.mark.verifies("security.secrets")
def test_no_unit_tells_a_secret(container: Planned, inside: Host) -> None:
    """Whoever asks systemd is told the environment of every unit, whatever the mode of its file."""
    told = inside.check_output("systemctl show '*' --property=Environment; grep -rhs Environment= /etc/systemd || true")
    # The name of the variable only: the value is not for a report.
    found = sorted({name for line in told.splitlines() for name in TELLING.findall(line.partition("=")[2])})
    assert told and not found, f"{container}: units tell everybody {found}, expected EnvironmentFile= of mode 0600"


@pytest.mark.verifies("security.secrets")
def test_the_private_key_is_ours_alone(inventory: Inventory) -> None:
    key = key_file(inventory)
    modes = [oct(path.stat().st_mode & 0o777) for path in (key, key.parent) if path.exists()]
    assert modes == ["0o600", "0o700"], f"{key} and its folder have modes {modes}, expected 0600 and 0700"
    assert not key.resolve().is_relative_to(CHECKOUT), f"{key}: lies in the checkout, one `git add` from being public"


@pytest.mark.verifies("security.secrets")
def test_git_never_had_a_private_key() -> None:
    """Neither now nor in any commit: what was pushed once is known."""
    ask = ["log", "--all", "--format=%h %s", "-E", f"-G{PRIVATE_KEY}"]
    git = ["git", "-c", f"safe.directory={CHECKOUT}", "-C", str(CHECKOUT)]
    done = subprocess.run([*git, *ask], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{CHECKOUT}: git does not say what it has: {done.stderr.strip()}"
    assert not done.stdout, f"{CHECKOUT}: private keys came or went with {done.stdout.splitlines()}; they are known now"
