"""Whether a node is large enough to be compared with the plan: it is where it has as much, and just less is less."""

from dataclasses import replace

import pytest

from fixtures.comparable import RESOURCES, too_small
from provisioning.hypervisor.node import Capacity
from provisioning.inventory import load

LAB = load("lab")
SPARK = LAB.containers["spark"]
AS_SPARK = Capacity(cores=SPARK.cores, memory=SPARK.memory, swap=SPARK.swap, disk=SPARK.disk)
AS_HOST = Capacity(cores=LAB.host.cores, memory=LAB.host.memory, swap=0, disk=LAB.host.disk)


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_node_with_just_as_much_as_the_container_can_be_compared(resource: str) -> None:
    assert too_small([resource], SPARK, LAB, AS_SPARK) is None


@pytest.mark.parametrize(
    ("resource", "sentence"),
    [
        ("cores", "this node has 3 of cores, the plan 4"),
        ("memory", "this node has 4.0 GiB of memory, the plan 4.0 GiB"),
        ("swap", "this node has 512 MiB of swap, the plan 512 MiB"),
        ("disk", "this node has 18.6 GiB of disk, the plan 18.6 GiB"),
    ],
)
def test_a_node_with_just_less_cannot(resource: str, sentence: str) -> None:
    smaller = replace(AS_SPARK, **{resource: getattr(AS_SPARK, resource) - 1})
    assert too_small([resource], SPARK, LAB, smaller) == sentence


def test_a_node_without_swap_says_so() -> None:
    sentence = too_small(["swap"], SPARK, LAB, replace(AS_SPARK, swap=0))
    assert sentence == "this node has 0 MiB of swap, the plan 512 MiB"


def test_only_what_is_compared_counts() -> None:
    small = replace(AS_SPARK, cores=1, swap=0)
    assert too_small(["memory", "disk"], SPARK, LAB, small) is None
    assert too_small([], SPARK, LAB, small) is None
    assert too_small(["memory", "cores"], SPARK, LAB, small) == "this node has 1 of cores, the plan 4"


@pytest.mark.parametrize("resource", ["cores", "memory", "disk"])
def test_without_a_container_the_node_is_compared_with_the_planned_host(resource: str) -> None:
    assert too_small([resource], None, LAB, AS_HOST) is None
    smaller = replace(AS_HOST, **{resource: getattr(AS_HOST, resource) - 1})
    assert f" of {resource}, the plan " in str(too_small([resource], None, LAB, smaller))


def test_a_node_that_was_not_asked_is_no_reason() -> None:
    assert too_small(RESOURCES, SPARK, LAB, None) is None


def test_every_resource_has_a_sentence_and_is_one_of_a_container() -> None:
    assert all(sentence and hasattr(SPARK, resource) for resource, sentence in RESOURCES.items()), RESOURCES
