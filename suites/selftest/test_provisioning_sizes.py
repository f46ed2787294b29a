"""Amounts as inventories write them: a whole number with one of four units, and nothing else."""

import pytest

from provisioning.sizes import parse_size, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("2 GiB", 2 * 2**30), ("512 MiB", 512 * 2**20), ("100 GB", 10**11), ("20MB", 20 * 10**6)],
    ids=["GiB", "MiB", "GB", "no-space"],
)
def test_a_size_is_read_as_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "GiB",
        "2 gib",
        "2 TB",
        "1.5 GiB",
        "-1 GiB",
        "0 GiB",
        "2  GiB",
        "2 GiB ",
        "2 GiB/s",
        2048,
        2.5,
        None,
        ["2 GiB"],
    ],
    ids=repr,
)
def test_anything_else_is_refused_with_how_to_write_it(text: object) -> None:
    with pytest.raises(ValueError, match=r"is no size: .* MiB, GiB, MB, GB, like") as caught:
        parse_size(text)
    assert repr(text) in str(caught.value), caught.value


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 MiB"), (5 * 2**20, "5 MiB"), (2**30 - 1, "1024 MiB"), (2**30, "1.0 GiB"), (3 * 2**29, "1.5 GiB")],
    ids=["nothing", "mib", "below-gib", "gib", "half"],
)
def test_a_size_is_shown_for_people(size: int, text: str) -> None:
    assert show_size(size) == text
