"""Whether a test of a container can be judged: by the probes of its node and of its own shell, and by their size."""

import pytest

from fixtures.capabilities import CAPABILITIES, TARGETS, declared
from fixtures.node import Planned
from fixtures.verdicts import Need, NotJudged, judgeable
from provisioning.health import Health
from provisioning.inventory import load
from provisioning.services import SERVICES

OFFERED = ("containers", "isolated")
SMALL = "this node has 2 of cores, the plan 4"


def health(**answers: bool) -> dict[str, Health]:
    """Probes by name, with _ for a space; each answers or not."""
    named = {name.replace("_", " "): alive for name, alive in answers.items()}
    return {
        name: Health(name, "here", "1" if alive else None, None if alive else "dead") for name, alive in named.items()
    }


ALL_WELL = health(node=True, container_kafka=True, container_minio=True)
KAFKA_DEAD = ALL_WELL | health(container_kafka=False)
KAFKA_ABSENT = KAFKA_DEAD | health(presence_of_kafka=False)
NODE_DEAD = health(node=False, container_kafka=False, container_minio=False)


def need(*probes: str, impact: str = "write", capabilities: tuple[str, ...] = ("containers",)) -> Need:
    return Need(capabilities, (), impact, probes)


def verdict(wanted: Need, seen: dict[str, Health], small: str | None = None, bound: str = "write") -> NotJudged | None:
    return judgeable(wanted, OFFERED, seen, bound, small)


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (need(), ALL_WELL),
        (need("container kafka"), ALL_WELL),
        (need("container minio"), KAFKA_DEAD),
        (need(), KAFKA_DEAD),
        (need("presence of kafka"), KAFKA_DEAD),
        (need("presence of kafka"), ALL_WELL),
        (need(capabilities=()), NODE_DEAD),
        (need(capabilities=("isolated",)), KAFKA_DEAD),
    ],
    ids=["node", "own", "others-dead", "no-shell", "stopped-is-present", "present", "needs-none", "isolated"],
)
def test_a_test_is_judged_where_what_it_asks_answers(wanted: Need, seen: dict[str, Health]) -> None:
    assert verdict(wanted, seen) is None


@pytest.mark.parametrize(
    ("wanted", "seen", "sentence"),
    [
        (need("container kafka"), KAFKA_DEAD, "probe of container kafka failed"),
        (need("presence of kafka"), KAFKA_ABSENT, "probe of presence of kafka failed"),
        (need("container minio", "container kafka"), KAFKA_DEAD, "probe of container kafka failed"),
        (need(), NODE_DEAD, "probe of node failed"),
        (need("container kafka"), NODE_DEAD, "probe of node, container kafka failed"),
    ],
    ids=["own-shell", "own-presence", "everyone", "node", "both"],
)
def test_a_probe_that_failed_blocks_what_needs_it_and_is_named(
    wanted: Need, seen: dict[str, Health], sentence: str
) -> None:
    assert verdict(wanted, seen) == NotJudged("blocked", sentence)


def test_one_dead_container_blocks_no_test_of_another() -> None:
    seen = {name: verdict(need(f"container {name}"), KAFKA_DEAD) for name in ("kafka", "minio")}
    assert seen["kafka"] is not None and seen["minio"] is None, seen


def test_a_node_that_is_too_small_is_a_reason() -> None:
    assert verdict(need("container kafka"), ALL_WELL, SMALL) == NotJudged("not-comparable", SMALL)
    assert verdict(need("container kafka"), ALL_WELL, None) is None


@pytest.mark.parametrize(
    ("wanted", "seen", "reason"),
    [
        (need(capabilities=("proxmox",)), ALL_WELL, "not-declared"),
        (need("container kafka", capabilities=("containers", "proxmox")), KAFKA_DEAD, "not-declared"),
        (need("container kafka", impact="disrupt"), KAFKA_DEAD, "blocked"),
        (need("container kafka", impact="disrupt"), ALL_WELL, "over-impact"),
        (need("container kafka"), ALL_WELL, "not-comparable"),
    ],
    ids=["declared", "declared-before-blocked", "blocked-before-impact", "impact-before-size", "size-last"],
)
def test_being_too_small_is_the_last_of_all_reasons(wanted: Need, seen: dict[str, Health], reason: str) -> None:
    refusal = verdict(wanted, seen, SMALL)
    assert refusal is not None and refusal.reason == reason, refusal


def test_a_service_that_does_not_answer_blocks_beside_containers() -> None:
    seen = ALL_WELL | health(minio=False)
    wanted = need("container kafka", capabilities=("containers", "minio"))
    assert judgeable(wanted, (*OFFERED, "minio"), seen, "write") == NotJudged("blocked", "probe of minio failed")


@pytest.mark.parametrize(
    ("inventory", "offers"),
    [
        ("lab", {"containers", "isolated"}),
        ("proxmox", {"containers", "proxmox"}),
        ("local", {"processes", "minio", "hive", "spark"}),
        ("plan", set()),
    ],
)
def test_a_target_offers_what_it_is(inventory: str, offers: set[str]) -> None:
    assert declared(load(inventory)) - declared(None) == offers


def test_every_capability_of_a_target_has_its_sentence() -> None:
    named = {capability for capabilities in TARGETS.values() for capability in capabilities}
    assert named <= CAPABILITIES.keys(), named - CAPABILITIES.keys()
    assert not named & {*SERVICES}, "a target and a service share a name"


def test_a_container_names_its_two_probes_apart() -> None:
    kafka = Planned("kafka", load("lab").containers["kafka"])
    assert (str(kafka), kafka.probe, kafka.presence) == ("kafka (CT 109)", "container kafka", "presence of kafka")
