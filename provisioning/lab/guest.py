"""What the node writes into a container, at create and before every start (facts: Proxmox, §1.4; Setup/Base+Debian).

The tree belongs to the guest's root, who may have put a link to one of the host's files where ours is to be: no link of
the guest is ever followed, and what is there is replaced by name, never opened for writing.
"""

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from provisioning.lab import values
from provisioning.lab.options import is_net
from provisioning.lab.shifting import FIRST_ID
from provisioning.problem import Problem

BEGIN, END = "# --- BEGIN PVE ---", "# --- END PVE ---"
BLOCK = re.compile(rf"(?ms)^{BEGIN}$.*?^{END}$\n?")
READ_AT_MOST = 1 << 20
PRESET = (
    "disable systemd-networkd.service\ndisable systemd-networkd.socket\ndisable systemd-networkd-wait-online.service\n"
)
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def prepare(tree: Path, config: Mapping[str, str], host_resolv: str) -> None:
    """Write what the configuration says into the guest's files; text of its own outside our blocks stays."""
    if config.get("ostype") == "unmanaged":
        return
    with opened(tree) as root:
        replace(root, "etc/hostname", short_name(config) + "\n")
        replace(root, "etc/hosts", with_block(read(root, "etc/hosts"), hosts(config)))
        replace(root, "etc/resolv.conf", with_block(read(root, "etc/resolv.conf"), resolv(config, host_resolv)))
        replace(root, "etc/network/interfaces", interfaces(config))
        replace(root, "etc/systemd/system-preset/00-pve.preset", PRESET)


def short_name(config: Mapping[str, str]) -> str:
    """The name without its domain."""
    return config["hostname"].partition(".")[0]


def hosts(config: Mapping[str, str]) -> str:
    """The guest knows its own name by its address, or by 127.0.1.1 where it has no fixed one."""
    _, dot, domain = config["hostname"].partition(".")
    domains = [domain] if dot else values.words(config.get("searchdomain", ""))
    names = [*(f"{short_name(config)}.{domain}" for domain in domains), short_name(config)]
    ip = values.parse(config["net0"]).get("ip", "") if "net0" in config else ""
    address = ip.partition("/")[0] if "/" in ip else "127.0.1.1"
    local = "127.0.0.1 localhost.localnet localhost\n::1 localhost.localnet localhost\n"
    return f"{local}{address} {' '.join(names)}\n"


def resolv(config: Mapping[str, str], host: str) -> str:
    """Name servers and search list; the host's where the container has neither."""
    if "nameserver" not in config and "searchdomain" not in config:
        return "".join(f"{line}\n" for line in host.splitlines() if line.startswith(("nameserver", "search")))
    search = values.words(config.get("searchdomain", ""))
    servers = values.words(config.get("nameserver", ""))
    return (f"search {' '.join(search)}\n" if search else "") + "".join(f"nameserver {name}\n" for name in servers)


def interfaces(config: Mapping[str, str]) -> str:
    """ifupdown's file: loopback, and every interface with its address."""
    nets = [values.parse(config[name]) for name in sorted(filter(is_net, config))]
    return "\n".join(["auto lo\niface lo inet loopback\n", *map(_interface, nets)])


def _interface(net: Mapping[str, str]) -> str:
    ip = net.get("ip", "manual")
    method = "static" if "/" in ip else ip
    lines = [f"auto {net['name']}", f"iface {net['name']} inet {method}"]
    if method == "static":
        lines += [f"\taddress {ip}", *([f"\tgateway {net['gw']}"] if "gw" in net else [])]
    return "\n".join(lines) + "\n"


def with_block(text: str, body: str) -> str:
    """The text with our block in place of the one it has, or before all else; nothing to say removes the block."""
    block = f"{BEGIN}\n{body}{END}\n" if body else ""
    if BLOCK.search(text):
        return BLOCK.sub(lambda _: block, text, count=1)
    return block + text


@contextlib.contextmanager
def opened(tree: Path) -> Iterator[int]:
    """The root of a guest's tree as a descriptor."""
    root = os.open(tree, FOLDER)
    try:
        yield root
    finally:
        os.close(root)


def read(root: int, name: str) -> str:
    """A guest's file; nothing where it is missing or no plain file (a link, a pipe that would hang us)."""
    try:
        with _folder(root, name) as folder:
            descriptor = os.open(os.path.basename(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return os.read(descriptor, READ_AT_MOST).decode(errors="replace")
    finally:
        os.close(descriptor)


def replace(root: int, name: str, text: str, mode: int = 0o644) -> None:
    """Put a file of the guest's root in place of whatever has its name, unless `.pve-ignore.NAME` lies beside it.

    Raises Problem where a folder on the way is a link.
    """
    last = os.path.basename(name)
    with _folder(root, name) as folder:
        if _exists(folder, f".pve-ignore.{last}"):
            return
        draft = f".{last}.{secrets.token_hex(4)}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(draft, flags, mode, dir_fd=folder), "w", encoding="utf-8") as file:
                file.write(text)
                os.fchmod(file.fileno(), mode)
                os.fchown(file.fileno(), FIRST_ID, FIRST_ID)
            os.rename(draft, last, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft, dir_fd=folder)
            raise


@contextlib.contextmanager
def _folder(root: int, name: str) -> Iterator[int]:
    """The folder of a file, gone down to step by step, made where it is missing."""
    here = os.dup(root)
    try:
        for part in os.path.dirname(name).split("/"):
            if not part:
                continue
            try:
                below = _descended(here, part)
            except OSError as error:
                raise Problem(
                    f"{part} is no folder but something of the guest's ({error.strerror})",
                    where=f"/{name}",
                    remedy="put it right inside, or `pct destroy` the container",
                ) from None
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def _descended(folder: int, part: str) -> int:
    try:
        return os.open(part, FOLDER, dir_fd=folder)
    except FileNotFoundError:
        os.mkdir(part, 0o755, dir_fd=folder)
        below = os.open(part, FOLDER, dir_fd=folder)
        os.fchown(below, FIRST_ID, FIRST_ID)
        return below


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
