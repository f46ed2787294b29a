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


def checks(host: Host) -> list[object]:
    """Some of what the suites ask of every container."""
    shadow, ssh, root = host.file("/etc/shadow"), host.service("ssh"), host.user("root")
    return [shadow.mode, shadow.user, ssh.is_running, ssh.is_enabled, host.check_output("hostname"), root.uid]


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
