"""The plan and the inventories against the rules, with no cluster."""

import pytest

from provisioning.audit import audit
from provisioning.compatibility import check
from provisioning.inventory import Inventory, load, shipped

pytestmark = [pytest.mark.verifies("plan.sound"), pytest.mark.impact("observe")]


@pytest.fixture
def plan() -> Inventory:
    return load("plan")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("duplicate-address", "CT 121 (hive) and CT 120 (spark) share 192.168.4.33"),
        ("overcommitted-memory", "21 GiB planned on 16 GiB, 1.31 times"),
        ("overcommitted-cores", "15 cores planned on 4 cores, 3.75 times"),
        ("overcommitted-disk", "120 GB planned on 100 GB, 1.20 times; needs thin storage"),
        ("multicast-domain", "RFC 6762"),
        ("no-dns-server", "no authoritative DNS server"),
        ("key-in-repository", "scripts/key/ct_datalake_id_ed25519"),
    ],
)
def test_the_audit_finds_the_defect_in_the_plan_as_written(plan: Inventory, rule: str, says: str) -> None:
    found = {finding.rule: finding.text for finding in audit(plan, as_written=True)}
    assert says in found.get(rule, ""), f"{rule}: the audit says {found.get(rule)!r}, among {sorted(found)}"


@pytest.mark.parametrize("name", shipped())
def test_no_inventory_that_we_ship_has_two_machines_at_one_address(name: str) -> None:
    shared = [str(finding) for finding in audit(load(name)) if finding.rule == "duplicate-address"]
    assert not shared, f"{name}: {shared}"


@pytest.mark.parametrize("name", shipped())
@pytest.mark.verifies("versions.planned")
def test_the_planned_versions_fit_each_other(name: str) -> None:
    conflicts = check(load(name).versions)
    assert not conflicts, f"{name}: {[str(conflict) for conflict in conflicts]}"


def test_what_we_ship_stays_with_the_plan(plan: Inventory) -> None:
    local = load("local")
    assert local.containers == plan.containers, "the machines of `local` are not the plan's"
    assert local.versions == plan.versions, "the versions of `local` are not the plan's"
