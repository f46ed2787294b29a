"""Whether a node is large enough to be compared with the plan: it is where it has as much, and just less is less."""

from dataclasses import replace

import pytest

from fixtures.comparable import RESOURCES, too_small
from provisioning.hypervisor.node import Capacity
from provisioning.inventory import load

LAB = load("lab")
SPARK = LAB.containers["spark"]
AS_SPARK = Capacity(cores=SPARK.cores, memory=SPARK.memory, swap=SPARK.swap)


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_node_with_just_as_much_as_the_container_can_be_compared(resource: str) -> None:
    assert too_small([resource], SPARK, AS_SPARK) is None


@pytest.mark.parametrize(
    ("resource", "sentence"),
    [
        ("cores", "this node has 3 of cores, the plan 4"),
        ("memory", "this node has 4.0 GiB of memory, the plan 4.0 GiB"),
        ("swap", "this node has 512 MiB of swap, the plan 512 MiB"),
    ],
)
def test_a_node_with_just_less_cannot(resource: str, sentence: str) -> None:
    smaller = replace(AS_SPARK, **{resource: getattr(AS_SPARK, resource) - 1})
    assert too_small([resource], SPARK, smaller) == sentence


def test_a_node_without_swap_says_so() -> None:
    sentence = too_small(["swap"], SPARK, replace(AS_SPARK, swap=0))
    assert sentence == "this node has 0 MiB of swap, the plan 512 MiB"


def test_only_what_is_compared_counts() -> None:
    small = replace(AS_SPARK, cores=1, swap=0)
    assert too_small(["memory"], SPARK, small) is None
    assert too_small([], SPARK, small) is None
    assert too_small(["memory", "cores"], SPARK, small) == "this node has 1 of cores, the plan 4"


def test_a_node_that_was_not_asked_is_no_reason() -> None:
    assert too_small(RESOURCES, SPARK, None) is None


def test_every_resource_has_a_sentence_and_is_one_of_a_container() -> None:
    assert all(sentence and hasattr(SPARK, resource) for resource, sentence in RESOURCES.items()), RESOURCES
