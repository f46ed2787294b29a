"""The audit finds each defect of the plan as it was written, and finds it no more where it was mended."""

from ipaddress import ip_address

import pytest

from provisioning.audit import Finding, audit
from provisioning.inventory import Inventory, load
from provisioning.state import CHECKOUT

PLAN = load("plan")
RULES = {
    "duplicate-address",
    "overcommitted-memory",
    "overcommitted-cores",
    "overcommitted-disk",
    "multicast-domain",
    "no-dns-server",
    "key-in-repository",
}


def found(inventory: Inventory, *, as_written: bool = False) -> dict[str, Finding]:
    """Findings by rule; each rule speaks once at most."""
    findings = audit(inventory, as_written=as_written)
    by_rule = {finding.rule: finding for finding in findings}
    assert len(by_rule) == len(findings), f"a rule spoke twice: {findings}"
    return by_rule


def hosted(**changes: int) -> Inventory:
    """The plan on another host."""
    return PLAN.model_copy(update={"host": PLAN.host.model_copy(update=changes)})


def test_the_plan_as_written_has_exactly_its_known_findings() -> None:
    assert found(PLAN, as_written=True).keys() == RULES


def test_two_containers_share_an_address_only_as_written() -> None:
    finding = found(PLAN, as_written=True)["duplicate-address"]
    assert finding.level == "defect", finding
    assert finding.text == "CT 121 (hive) and CT 120 (spark) share 192.168.4.33"
    assert "duplicate-address" not in found(PLAN), found(PLAN)


def test_a_container_at_the_address_of_the_host_is_found() -> None:
    gitea = PLAN.containers["gitea"].model_copy(update={"address": PLAN.host.address})
    finding = found(PLAN.model_copy(update={"containers": {**PLAN.containers, "gitea": gitea}}))["duplicate-address"]
    assert finding.text == "host and CT 118 (gitea) share 192.168.4.25"


def test_two_containers_with_one_number_are_found() -> None:
    hive = PLAN.containers["hive"].model_copy(update={"ct": 120})
    finding = found(PLAN.model_copy(update={"containers": {**PLAN.containers, "hive": hive}}))["duplicate-number"]
    assert (finding.level, finding.text) == ("defect", "hive and spark share the number CT 120")


@pytest.mark.parametrize("domain", ["local", "gti.local", "GTI.Local", "gti.local."])
def test_a_domain_of_multicast_dns_is_found(domain: str) -> None:
    assert "multicast-domain" in found(PLAN.model_copy(update={"domain": domain})), domain


@pytest.mark.parametrize("domain", ["notlocal", "local.example", "gti.localdomain"])
def test_a_domain_that_only_looks_like_one_of_multicast_dns_is_not(domain: str) -> None:
    assert "multicast-domain" not in found(PLAN.model_copy(update={"domain": domain})), domain


@pytest.mark.parametrize("key", ["scripts/key", f"{CHECKOUT}/key", f"{CHECKOUT}/a/../key", f"/tmp/..{CHECKOUT}/key"])
def test_a_key_inside_the_checkout_is_found_however_it_is_written(key: str) -> None:
    assert "key-in-repository" in found(PLAN.model_copy(update={"ssh_key": key})), key


@pytest.mark.parametrize("key", [f"{CHECKOUT}-keys/key", "../key", "~/key"])
def test_a_key_beside_the_checkout_is_not(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert "key-in-repository" not in found(PLAN.model_copy(update={"ssh_key": key})), key


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("memory", "21 GiB planned on 16 GiB, 1.31 times"),
        ("cores", "15 cores planned on 4 cores, 3.75 times"),
        ("disk", "120 GB planned on 100 GB, 1.20 times; needs thin storage"),
    ],
    ids=["memory", "cores", "disk"],
)
def test_overcommitment_is_noted_with_its_ratio(what: str, text: str) -> None:
    finding = found(PLAN)[f"overcommitted-{what}"]
    assert (finding.level, finding.text) == ("note", text)


@pytest.mark.parametrize("what", ["memory", "cores", "disk"])
def test_a_host_that_is_just_large_enough_is_not_overcommitted(what: str) -> None:
    enough = sum(getattr(container, what) for container in PLAN.containers.values())
    assert f"overcommitted-{what}" not in found(hosted(**{what: enough})), f"{enough} are enough"
    assert f"overcommitted-{what}" in found(hosted(**{what: enough - 1})), f"{enough - 1} are not enough"


@pytest.mark.parametrize(
    ("rule", "mended", "hint"),
    [
        (
            "multicast-domain",
            {"domain": "gti.example"},
            "gti.local: names under .local belong to multicast DNS (RFC 6762)",
        ),
        ("no-dns-server", {"dns": "bind"}, "no authoritative DNS server: install bind"),
        (
            "key-in-repository",
            {"ssh_key": "~/.ssh/ct_datalake_id_ed25519"},
            "scripts/key/ct_datalake_id_ed25519: a private",
        ),
        ("key-in-repository", {"ssh_key": "/etc/datalake/key"}, "inside the repository's tree"),
    ],
    ids=["domain", "dns", "key-at-home", "key-elsewhere"],
)
def test_a_defect_is_found_and_is_gone_where_it_was_mended(rule: str, mended: dict[str, str], hint: str) -> None:
    finding, after = found(PLAN)[rule], found(PLAN.model_copy(update=mended))
    assert finding.level == "defect", finding
    assert hint in finding.text, finding
    assert after.keys() == found(PLAN).keys() - {rule}, after


def test_a_plan_that_was_mended_everywhere_has_no_finding() -> None:
    mended = hosted(memory=2**40, cores=64, disk=10**13).model_copy(
        update={"domain": "lake.example", "dns": "site", "ssh_key": "~/.ssh/key"}
    )
    assert audit(mended) == []


def test_only_the_planned_address_of_a_moved_container_counts_as_written() -> None:
    hive = PLAN.containers["hive"].model_copy(update={"planned_address": ip_address("192.168.4.40")})
    moved = PLAN.model_copy(update={"containers": {**PLAN.containers, "hive": hive}})
    assert "duplicate-address" not in found(moved, as_written=True)


def test_a_finding_reads_as_one_line_that_begins_with_its_level() -> None:
    lines = [str(finding) for finding in audit(PLAN)]
    assert all(line.split()[0] in ("defect", "note") and "\n" not in line for line in lines), lines
