"""The name server of the lab: bind9, authoritative and nothing else, on the host's address (facts: LXC lab, §5)."""

import contextlib
import ipaddress
import pwd
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from provisioning.lab.commands import tried
from provisioning.lab.daemons import Daemon
from provisioning.lab.namespace import FOLDER
from provisioning.lab.settings import Settings
from provisioning.problem import Exit, Problem
from provisioning.tools import complaint

USER = "bind"


def render(settings: Settings, folder: Path, zones: Mapping[str, str]) -> str:
    """named.conf: who may ask, and the zones; nothing is forwarded, transferred or cached."""
    network = ipaddress.ip_interface(f"{settings.address}/{settings.prefix}").network
    listen = f"{settings.address}; 127.0.0.1;"
    return "\n".join([
        "options {",
        f'  directory "{folder}"; pid-file "{folder}/pid"; session-keyfile "{folder}/session.key"; lock-file none;',
        f"  listen-on {{ {listen} }}; listen-on-v6 {{ none; }};",
        f"  recursion no; allow-query {{ {network}; 127.0.0.0/8; }}; allow-transfer {{ none; }}; notify no;",
        "  dnssec-validation no; empty-zones-enable no; minimal-responses yes; version none;",
        "};",
        "controls { };",
        *(f'zone "{name}" {{ type primary; file "{name}.zone"; }};' for name in sorted(zones)),
        "",
    ])  # fmt: skip


def files(settings: Settings, folder: Path, zones: Mapping[str, str]) -> dict[str, str]:
    """The server's files by name."""
    return {"named.conf": render(settings, folder, zones), **{f"{name}.zone": text for name, text in zones.items()}}


def up(settings: Settings, zones: Mapping[str, str]) -> bool:
    """Have the server answer for exactly these zones; True where it was (re)started.

    Raises Problem for a zone that it would refuse; then it answers as before.
    """
    home, daemon = settings.state / "named", Daemon(settings, "named")
    wanted = files(settings, home, zones)
    if daemon.pid() is not None and _kept(home) == wanted:
        return False
    check(settings, zones)
    daemon.stop()
    shutil.rmtree(home, ignore_errors=True)
    _write(home, wanted)
    user = _user()
    if user:
        shutil.chown(home, user)
    daemon.start(
        "named", "-g", "-4", "-n", "1", *(["-u", user] if user else []), "-c", home / "named.conf",
        stay=("nsenter", f"--net={FOLDER / settings.netns}", "--"),
        ready=lambda: all(_answers(settings, zone) for zone in zones),
    )  # fmt: skip
    return True


def check(settings: Settings, zones: Mapping[str, str]) -> None:
    """Refuse what the server would refuse, before it is stopped. Raises Problem with its complaint."""
    with tempfile.TemporaryDirectory(prefix="zones-", dir=settings.state / "run") as name:
        draft = Path(name)
        _write(draft, files(settings, draft, zones))
        status, out, err = tried("named-checkconf", "-z", draft / "named.conf")
    if status != 0:
        raise Problem(complaint(out + err), where="zones", remedy="put the inventory's names right", code=Exit.USAGE)


def _write(folder: Path, contents: Mapping[str, str]) -> None:
    folder.mkdir(mode=0o755, exist_ok=True)
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o644)


def _kept(home: Path) -> dict[str, str]:
    found = [*home.glob("named.conf"), *home.glob("*.zone")]
    return {file.name: file.read_text(encoding="utf-8") for file in found}


def _user() -> str | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(USER).pw_name
    return None


def _answers(settings: Settings, zone: str) -> bool:
    """Whether the server, in its namespace, knows the zone with authority."""
    ask = ("dig", f"@{settings.address}", "+norecurse", "+time=1", "+tries=1", zone, "SOA")
    return " aa" in tried("nsenter", f"--net={FOLDER / settings.netns}", "--", *ask)[1]
