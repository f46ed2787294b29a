"""What every container gets before anybody can log in: the user `datalake`, the one key, sshd's and sudo's rules, CAs,
and what Proxmox's template starts without the plan's asking is silenced.

It goes by `pct exec` alone, as the container's root, with files on stdin; afterwards ssh as `datalake` is the only way.
"""

import base64
import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioning.containers.login import USER
from provisioning.problem import Problem

SSHD = f"""\
# DataLake: in by the one key, as {USER}. sshd takes the first value that it meets, and reads this file first.
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitEmptyPasswords no
PubkeyAuthentication yes
AuthenticationMethods publickey
AuthorizedKeysFile .ssh/authorized_keys
AllowUsers {USER}
X11Forwarding no
MaxAuthTries 3
"""
# A router that advertises itself would give every container an address and a way out that nobody planned; Proxmox
# writes nothing about it (pve-container, Setup/Debian.pm).
SYSCTL = "".join(
    f"net.ipv6.conf.{link}.{key} = 0\n" for link in ("all", "default", "eth0") for key in ("accept_ra", "autoconf")
)
# Proxmox's template has postfix at loopback, and its first boot enables the socket of sshd, which opens one port for
# both families in place of sshd's own two (pve-container, Setup/Base.pm; dab).
SILENT = ("ssh.socket", "postfix.service")
SUDOERS = f"{USER} ALL=(ALL:ALL) NOPASSWD: ALL\n"
HOME = f"/home/{USER}"
SSHD_FILE = "/etc/ssh/sshd_config.d/10-datalake.conf"
SYSCTL_FILE = "/etc/sysctl.d/10-datalake-ipv6.conf"
SUDOERS_FILE = f"/etc/sudoers.d/{USER}"
KEYS_FILE = f"{HOME}/.ssh/authorized_keys"
ROOT_KEYS = "/root/.ssh/authorized_keys"
CA_FOLDER = "/usr/local/share/ca-certificates"


@dataclass(frozen=True)
class File:
    """A file inside: whole content, mode in octal as `stat` writes it, owner."""

    path: str
    text: str
    mode: str
    owner: str

    @property
    def facts(self) -> str:
        """What `OBSERVE` prints of a file that is as it should be."""
        return f"{self.mode} {self.owner} {hashlib.sha256(self.text.encode()).hexdigest()}"

    @property
    def script(self) -> str:
        """Shell lines that write it: aside, then moved into place at once."""
        content = base64.b64encode(self.text.encode()).decode()
        path, owner = shlex.quote(self.path), shlex.quote(f"{self.owner}:{self.owner}")
        return (
            f"t=$(mktemp {path}.XXXXXX); printf %s {content} | base64 -d >$t; "
            f"chown {owner} $t; chmod {self.mode} $t; mv -f $t {path}"
        )


@dataclass(frozen=True)
class Bootstrap:
    """What a container should have: one public key, CA certificates (name -> PEM), packages (name -> least version)."""

    public_key: str
    certificates: Mapping[str, str]
    packages: Mapping[str, str]

    @property
    def files(self) -> tuple[File, ...]:
        """All files, in the order in which they are written."""
        return (
            File(SSHD_FILE, SSHD, "644", "root"),
            File(SUDOERS_FILE, SUDOERS, "440", "root"),
            File(SYSCTL_FILE, SYSCTL, "644", "root"),
            File(KEYS_FILE, f"{self.public_key} {USER}\n", "600", USER),
            *(File(f"{CA_FOLDER}/{name}", pem, "644", "root") for name, pem in self.certificates.items()),
        )

    @property
    def observe(self) -> str:
        """A script that prints one line a fact, `name<TAB>value`, and changes nothing."""
        paths = shlex.join(file.path for file in self.files)
        return f"""\
printf 'user\\t%s\\n' "$(getent passwd {USER} | cut -d: -f6-7) $(passwd -S {USER} 2>/dev/null | cut -d' ' -f2)"
printf 'home\\t%s\\n' "$(stat -c '%a %U' {HOME} {HOME}/.ssh 2>/dev/null | tr '\\n' ' ')"
printf 'sshd\\t%s\\n' "$(systemctl is-active ssh 2>/dev/null) $(systemctl is-enabled ssh 2>/dev/null)"
for unit in {shlex.join(SILENT)}; do
    printf 'unit %s\\t%s\\n' $unit "$(systemctl is-enabled $unit 2>/dev/null) $(systemctl is-active $unit 2>/dev/null)"
done
printf 'root keys\\t%s\\n' "$([ -s {ROOT_KEYS} ] && echo some || echo none)"
{"".join(map(_package, self.packages, self.packages.values()))}\
for file in {paths}; do
    facts="$(stat -c '%a %U' $file 2>/dev/null) $(sha256sum 2>/dev/null <$file | cut -d' ' -f1)"
    printf 'file %s\\t%s\\n' $file "$facts"
done 2>/dev/null
"""

    @property
    def expected(self) -> dict[str, str]:
        """What `observe` prints where all is as it should be."""
        return {
            "user": f"{HOME}:/bin/bash L",
            "home": f"700 {USER} 700 {USER}",
            "sshd": "active enabled",
            **{f"unit {unit}": "masked inactive" for unit in SILENT},
            "root keys": "none",
            **{f"package {name}": "enough" for name in self.packages},
            **{f"file {file.path}": file.facts for file in self.files},
        }

    def missing(self, seen: Mapping[str, str]) -> list[str]:
        """The facts that are not as they should be."""
        return [fact for fact, value in self.expected.items() if seen.get(fact) != value]

    def script(self, missing: list[str], debs: str) -> str:
        """The shell script that mends these facts; packages are installed from the folder `debs` inside."""
        return "\n".join(["set -eu", "umask 022", *self._steps(missing, debs)])

    def _steps(self, missing: list[str], debs: str) -> Iterator[str]:
        if any(fact.startswith("package ") for fact in missing):
            yield f"DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io --force-confold -i {debs}/*.deb >&2"
            yield f"rm -r {debs}"
        if {"user", "home"} & {*missing}:
            yield f"getent passwd {USER} >/dev/null || useradd --create-home --shell /bin/bash {USER}"
            yield f"usermod --lock --shell /bin/bash {USER}; mkdir -p {HOME}/.ssh"
            yield f"chown {USER}:{USER} {HOME} {HOME}/.ssh; chmod 700 {HOME} {HOME}/.ssh"
        if "root keys" in missing:
            yield f"rm {ROOT_KEYS}"
        yield from (file.script for file in self.files if f"file {file.path}" in missing)
        if f"file {SUDOERS_FILE}" in missing:
            yield f"visudo -cqf {SUDOERS_FILE}"
        if f"file {SYSCTL_FILE}" in missing:
            yield f"sysctl -qep {SYSCTL_FILE}; ip -6 address flush dev eth0 scope global; ip -6 route flush proto ra"
        if any(f"unit {unit}" in missing for unit in SILENT):
            yield f"systemctl mask --quiet --now {shlex.join(SILENT)} 2>/dev/null; systemctl restart ssh"
        if f"file {SSHD_FILE}" in missing:
            yield "mkdir -p /run/sshd; sshd -t; systemctl restart ssh"
        if "sshd" in missing:
            yield "systemctl unmask --quiet ssh; systemctl enable --quiet ssh; systemctl restart ssh"
        if any(f"file {CA_FOLDER}/{name}" in missing for name in self.certificates):
            yield "update-ca-certificates >&2"


def _package(name: str, least: str) -> str:
    """A shell line: whether it is installed, in this version or, as after an update of the site's, a later one."""
    asked = f"$(dpkg-query -W -f '${{db:Status-Status}} ${{Version}}' {name} 2>/dev/null || true)"
    enough = f'[ "${{v%% *}}" = installed ] && dpkg --compare-versions "${{v#* }}" ge {least}'
    return f"v=\"{asked}\"; printf 'package %s\\t%s\\n' {name} $({enough} && echo enough || echo lacking)\n"


def facts(printed: str) -> dict[str, str]:
    """What `observe` printed, as data."""
    parted = (line.partition("\t") for line in printed.splitlines())
    return {name: value.strip() for name, _, value in parted}


def certificates(files: tuple[str, ...]) -> dict[str, str]:
    """CA files of the inventory by the name that they get inside. Raises Problem where one is no certificate."""
    named = {f"{re.sub('[^A-Za-z0-9.-]', '-', Path(name).stem)}.crt": name for name in files}
    if len(named) < len(files):
        lost = sorted(set(files) - set(named.values()))
        raise Problem("has the name of another", where=f"ca_files {lost[0]}", remedy="rename one of them")
    return {name: _pem(Path(file).expanduser()) for name, file in named.items()}


def _pem(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"cannot be read ({error})", where=f"ca_files {path}", remedy="mend the path") from None
    if "BEGIN CERTIFICATE" not in text:
        raise Problem("is no PEM certificate", where=f"ca_files {path}", remedy="give the CA's certificate")
    return text
