"""The base system of containers: a template as Proxmox has them, and a golden image that is copied for each.

Made once for a recipe: its hash is the key in the cache, and what is half made never has that name.
"""

import contextlib
import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from provisioning.lab import mounts
from provisioning.lab.commands import QUIET, run, tried
from provisioning.lab.shifting import FIRST_ID, shift

RELEASE = "bookworm"
TEMPLATE = "debian-12-lab_amd64.tar.zst"
GOLDEN = "golden.raw"
SIZES = "sizes"
SIZE = 1 << 30  # of the golden image's file system; containers grow their copies
BLOCKS = 67_108_864  # that a copy can grow to: 256 GiB in 4 KiB blocks
# sudo and python3 are left out, as in Proxmox's standard template: who needs them brings them.
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "libnss-systemd", "ifupdown", "iproute2", "iputils-ping",
    "netbase", "openssh-server", "ca-certificates", "procps", "bind9-dnsutils",
)  # fmt: skip
# Units that cannot work or have nothing to do in a container; without them it boots to `running`, not `degraded`.
MASKED = (
    "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount",
    "dev-hugepages.mount", "dev-mqueue.mount", "systemd-remount-fs.service", "systemd-udevd.service",
    "systemd-udevd-kernel.socket", "systemd-udevd-control.socket", "systemd-udev-trigger.service",
    "systemd-journald-audit.socket", "console-getty.service", "getty@tty1.service", "container-getty@.service",
    "e2scrub_all.timer", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
    "systemd-networkd.service", "systemd-networkd.socket", "systemd-timesyncd.service",
)  # fmt: skip
# `$1` is the new system's root.
FINISH = f"""
set -e
cd "$1"
for unit in {" ".join(MASKED)}; do ln -sf /dev/null "etc/systemd/system/$unit"; done
chroot . systemctl enable ssh.service >/dev/null 2>&1
mkdir -p usr/share/man/man1  # openjdk's postinst fails without it
: >etc/default/locale        # pam_env warns of its absence at each login
rm -f etc/ssh/ssh_host_* etc/hostname etc/resolv.conf var/lib/dbus/machine-id
rm -f etc/machine-id           # as Proxmox does: the first boot enables every unit that no preset disables
sed -i 's|^root:[^:]*:|root:*:|' etc/shadow
rm -rf var/cache/apt/* var/log/apt var/log/dpkg.log
mkdir -p var/cache/apt/archives/partial
"""
Report = Callable[[str], None]


def key() -> str:
    """The recipe in twelve digits: another package, unit or line makes another image."""
    recipe = repr((RELEASE, PACKAGES, FINISH, SIZE, BLOCKS, FIRST_ID))
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def folder(cache: Path) -> Path:
    """Where template and golden image of the present recipe lie, once they are made."""
    return cache / f"base-{key()}"


def build(cache: Path, report: Report) -> Path:
    """The folder with template and golden image, made where it is missing; another that makes it is waited for."""
    ready = folder(cache)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _whole(ready):
            return ready
        if ready.is_dir():
            report(f"base image: {ready} is not whole: made again")
            shutil.rmtree(ready)
        _sweep(cache)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=cache) as made:
            draft = Path(made) / "base"
            draft.mkdir()
            report("base image: bootstrapping Debian, a few minutes …")
            _bootstrap(draft / TEMPLATE)
            report("base image: filling the golden image …")
            _fill(draft / TEMPLATE, draft / GOLDEN)
            (draft / SIZES).write_text(_sizes(draft), encoding="ascii")
            draft.rename(ready)
    report("base image: ready")
    return ready


def _whole(ready: Path) -> bool:
    """Whether both files are as long as they were made: a full disk or a careless hand cuts them."""
    sizes = ready / SIZES
    if not sizes.exists():
        return False
    return sizes.read_text(encoding="ascii") == _sizes(ready)


def _sizes(made: Path) -> str:
    return " ".join(str((made / name).stat().st_size if (made / name).exists() else 0) for name in (TEMPLATE, GOLDEN))


def _sweep(cache: Path) -> None:
    """What an interrupted making left: nobody else makes one, for the lock is ours."""
    for left in cache.glob(".making-*"):
        mounts.release_all(left)
        shutil.rmtree(left, ignore_errors=True)


def _bootstrap(template: Path) -> None:
    sources = host_sources(_texts(Path("/etc/apt")))
    options = [f"--aptopt={line}" for line in _acquire(tried("apt-config", "dump")[1])]
    with tempfile.NamedTemporaryFile("w", prefix="finish-", suffix=".sh") as finish:
        finish.write(FINISH)
        finish.flush()
        # Its mounts in a namespace of their own, its folder in ours: killed, it leaves nothing that `_sweep` misses.
        run(
            "unshare", "-m", "--propagation", "private", "--",
            "mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}", *options,
            f'--customize-hook=sh {finish.name} "$1"', RELEASE, template, "-", stdin="\n".join(sources) + "\n",
            env={**QUIET, "TMPDIR": str(template.parent)},
        )  # fmt: skip


def host_sources(texts: list[str]) -> list[str]:
    """The host's apt sources that offer the release's `main`, in either of their forms, as one-line entries."""
    entries = [entry for text in texts for entry in (_stanzas(text) if "URIs:" in text else _lines(text))]
    return [
        f"deb {options}{uri} {suite} main".replace("  ", " ")
        for options, uri, suite, components in entries
        if "main" in components.split() and suite.split("-")[0] == RELEASE
    ]


def _lines(text: str) -> Iterator[tuple[str, str, str, str]]:
    for line in text.splitlines():
        words = line.split()
        if words[:1] != ["deb"]:
            continue
        closed = next((at for at, word in enumerate(words) if word.endswith("]")), 0)
        options = " ".join(words[1 : closed + 1])
        uri, suite, *components = words[closed + 1 :]
        yield f"{options} " if options else "", uri, suite, " ".join(components)


def _stanzas(text: str) -> Iterator[tuple[str, str, str, str]]:
    for stanza in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] not in " #")
        if fields.get("Enabled", "yes") == "no" or "deb" not in fields.get("Types", "").split():
            continue
        signed = fields.get("Signed-By", "").strip()
        options = f"[signed-by={signed}] " if signed.startswith("/") else ""
        for uri in fields.get("URIs", "").split():
            for suite in fields.get("Suites", "").split():
                yield options, uri, suite, fields.get("Components", "")


def _texts(apt: Path) -> list[str]:
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
    files += sorted((apt / "sources.list.d").glob("*.sources"))
    return [file.read_text(encoding="utf-8") for file in files if file.exists()]


def _acquire(dump: str) -> list[str]:
    """How the host reaches its mirrors (proxies, retries), as options for another apt."""
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Retries")
    return [line.rstrip(";") for line in dump.splitlines() if line.startswith(wanted) and not line.endswith('"";')]


def _fill(template: Path, golden: Path) -> None:
    with golden.open("wb") as file:
        file.truncate(SIZE)
    options = f"root_owner={FIRST_ID}:{FIRST_ID},nodiscard,resize={BLOCKS}"
    run("mkfs.ext4", "-q", "-E", options, golden)
    with mounted(golden) as tree:
        run(
            "tar",
            "-C",
            tree,
            "--numeric-owner",
            "--xattrs",
            "--xattrs-include=*",
            "--exclude=./dev/*",
            "-xpf",
            template,
        )
        shift(tree)


@contextlib.contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """An image that nobody runs from, mounted for the time of the block."""
    tree = image.with_suffix(".mounted")  # beside it, where `_sweep` finds what an interruption leaves
    tree.mkdir()
    run("mount", "-o", "loop", image, tree)
    try:
        yield tree
    finally:
        run("umount", tree)
        tree.rmdir()
