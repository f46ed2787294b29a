"""What a check costs over a shell that stays open, against testinfra's own way: ssh, with a shared connection."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from fixtures.containers import Logins, Shells
from fixtures.measuring import Interleave, Measure
from fixtures.node import Planned
from provisioning.containers.login import Login

pytestmark = [pytest.mark.requires("containers"), pytest.mark.impact("observe")]
ROUNDS = 3
COMMANDS = (
    "hostname", "hostname -f", "nproc", "cat /etc/machine-id", "getent passwd", "findmnt -no OPTIONS /",
    "ip -j -4 route show", "date +%Z",
)  # fmt: skip


def checks(host: Host) -> list[object]:
    """A sample of what suites/infra asks of every container, which mostly reads; one in sixteen asks systemd."""
    shadow, home, root = host.file("/etc/shadow"), host.file("/home/datalake"), host.user("root")
    files = [shadow.mode, shadow.user, shadow.group, home.mode, home.user, home.group]
    return [*files, root.uid, host.service("ssh").is_running, *(host.check_output(command) for command in COMMANDS)]


@pytest.fixture
def control() -> Iterator[Path]:
    """A folder whose name is short enough for a socket in it (108 bytes)."""
    with tempfile.TemporaryDirectory(prefix="dl-", dir="/tmp") as folder:
        yield Path(folder)


def shared_connection(login: Login, folder: Path) -> Path:
    """An ssh configuration that logs in once and keeps the connection."""
    config = folder / "config"
    settings = {
        "User": login.user, "IdentityFile": login.key, "IdentitiesOnly": "yes", "UserKnownHostsFile": login.known_hosts,
        "ControlMaster": "auto", "ControlPersist": "30", "ControlPath": folder / "%C",
    }  # fmt: skip
    config.write_text("Host *\n" + "".join(f" {key} {value}\n" for key, value in settings.items()), encoding="utf-8")
    return config


@pytest.mark.verifies("performance.checks")
def test_a_check_against_stock_testinfra_over_ssh(
    containers: list[Planned], shells: Shells, logins: Logins, control: Path, interleave: Interleave, measure: Measure
) -> None:
    one = containers[0]
    kept, config = shells(one), shared_connection(logins(one), control)
    stock = testinfra.get_host(f"ssh://{one.plan.address}", ssh_config=str(config), sudo=True)
    assert checks(stock) == checks(kept), f"{one}: the two ways see different things"
    rounds = interleave(lambda: checks(kept), lambda: checks(stock), rounds=ROUNDS)
    stock.backend.run_local(f"ssh -F {config} -O exit {one.plan.address}")
    if rounds:
        measure("infra: a check against stock testinfra over ssh", rounds.ratio, "ratio", "higher")
        measure("infra: a round of checks", min(rounds.contender) * 1000, "ms", "lower")
