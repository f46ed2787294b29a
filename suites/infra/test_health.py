"""What runs inside: units, clock, nothing that waits for a restart (facts: Proxmox, 5: L1, L2, T1, V3)."""

import time

import pytest
from testinfra.host import Host

from fixtures.node import Outside, Planned
from provisioning.inventory import Hypervisor, Inventory

pytestmark = [pytest.mark.requires("containers"), pytest.mark.impact("observe")]
SKEW = 2.0  # seconds; a container has its node's clock and cannot set it
OURS = {
    "arch", "cores", "digest", "features", "hostname", "memory", "nameserver", "net0", "onboot", "ostype", "rootfs",
    "searchdomain", "startup", "swap", "tags", "unprivileged", "description", "lock",
    "parent",  # the last snapshot's name: to take one is the owner's business
}  # fmt: skip


@pytest.mark.verifies("containers.healthy")
def test_no_unit_has_failed(container: Planned, inside: Host) -> None:
    """Or hangs in its start; a job that runs once at its hour (oneshot) may be at it just now."""
    listed = "systemctl list-units --type=service --plain --no-legend --state={} | cut -d' ' -f1"
    hanging = '[ "$(systemctl show --property=Type --value $u)" = oneshot ] || echo $u'
    failed = inside.check_output(
        f"{listed.format('failed,auto-restart')}; for u in $({listed.format('activating')}); do {hanging}; done"
    ).split()
    state = inside.run("systemctl is-system-running").stdout.strip()
    assert (failed, state) == ([], "running"), f"{container}: is {state}, failed units are {failed}, expected none"


@pytest.mark.verifies("containers.healthy")
def test_sshd_runs_and_comes_back_after_a_restart(container: Planned, inside: Host) -> None:
    words = inside.run("systemctl is-active ssh; systemctl is-enabled ssh").stdout.split()
    held = inside.check_output("ls /etc/ssh/sshd_not_to_be_run 2>/dev/null || true")  # a condition of Debian's unit
    assert (words, held) == (["active", "enabled"], ""), (
        f"{container}: unit ssh is {' and '.join(words)}{f', held by {held}' if held else ''}, expected active, enabled"
    )


@pytest.mark.verifies("containers.healthy")
def test_no_service_was_started_again(container: Planned, inside: Host) -> None:
    """One that dies and comes back within seconds looks well whenever one looks (facts: Proxmox, 5: V3)."""
    told = inside.check_output("systemctl show '*.service' --property=Id --property=NRestarts").split("\n\n")
    counts = [dict(line.partition("=")[::2] for line in unit.splitlines()) for unit in told]
    # Who logs out at a console ends its getty, which is started again.
    again = {one["Id"]: one["NRestarts"] for one in counts if one["NRestarts"] != "0" and "getty" not in one["Id"]}
    assert counts and not again, f"{container}: services that died and were started again: {again}, expected none"


@pytest.mark.verifies("containers.clock")
def test_its_clock_is_right(container: Planned, inside: Host) -> None:
    before = time.time()
    seen = float(inside.check_output("date +%s.%N"))
    off = max(before - seen, seen - time.time(), 0)
    assert off < SKEW, f"{container}: its clock is {off:.1f} s from this machine's, expected less than {SKEW:g} s"


@pytest.mark.verifies("containers.clock")
def test_its_clock_tells_utc(container: Planned, inside: Host) -> None:
    seen = inside.check_output("date +%Z")
    assert seen == "UTC", f"{container}: its time zone is {seen}, expected UTC"


@pytest.mark.verifies("containers.start")
def test_it_starts_with_its_node_in_its_turn(container: Planned, outside: Outside, hypervisor: Hypervisor) -> None:
    config = outside.config
    seen = (str(config.get("onboot", 0)), str(config.get("startup")), set(str(config.get("tags", "")).split(";")))
    expected = ("1", f"order={container.plan.order}", {hypervisor.tag})
    assert seen == expected, f"{container}: onboot, startup and tags are {seen}, expected {expected}"


@pytest.mark.verifies("containers.settled")
def test_nothing_waits_for_its_next_start(container: Planned, outside: Outside) -> None:
    waiting = [entry for entry in outside.actual.pending if "pending" in entry or "delete" in entry]
    assert not waiting, f"{container}: pending changes {waiting}, expected none; restart it or revert them"


@pytest.mark.verifies("containers.settled")
def test_it_is_configured_with_nothing_that_nobody_planned(container: Planned, outside: Outside) -> None:
    surplus = {key: value for key, value in outside.config.items() if key not in OURS}
    assert not surplus, f"{container}: configured with {surplus}, expected nothing beyond the plan"


@pytest.mark.verifies("containers.settled")
def test_nothing_holds_its_lock(container: Planned, outside: Outside) -> None:
    held = outside.config.get("lock")
    assert held is None, f"{container}: locked for {held}, expected no lock: see the node's tasks, then pct unlock"


@pytest.mark.verifies("containers.settled")
def test_it_may_nest_and_no_more(container: Planned, outside: Outside) -> None:
    seen = (str(outside.config.get("features")), str(outside.config.get("ostype")))
    assert seen == ("nesting=1", "debian"), f"{container}: features, ostype are {seen}, expected nesting=1, debian"


@pytest.mark.verifies("network.resolver")
def test_its_resolver_is_configured_as_planned(container: Planned, outside: Outside, inventory: Inventory) -> None:
    seen = (outside.config.get("nameserver"), outside.config.get("searchdomain"))
    expected = (str(inventory.host.address), inventory.domain)
    assert seen == expected, f"{container}: nameserver and search domain are configured as {seen}, expected {expected}"
