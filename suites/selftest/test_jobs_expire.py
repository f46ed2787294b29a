"""Expiring snapshots: the time that is meant, whatever its zone, and what Iceberg is asked for."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from spark_jobs.errors import Refused
from spark_jobs.expire import DEFAULT_AGE, Arguments, Result, _moment, run

KINDS = (
    "data_files",
    "position_delete_files",
    "equality_delete_files",
    "manifest_files",
    "manifest_lists",
    "statistics_files",
)


class Lake:
    """Remembers which procedure was called with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def table(self, name: str) -> None:
        """Every table is there."""

    def call(self, *arguments: str) -> dict[str, int]:
        self.calls.append(arguments)
        return {f"deleted_{kind}_count": number for number, kind in enumerate(KINDS, 1)}


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T13:00:00",
        "2026-11-22 13:00",
        "2026-11-22T13:00:00Z",
        "2026-11-22T14:00:00+01:00",
        "2026-11-22T08:30:00-04:30",
    ],
)
def test_a_time_is_utc_unless_it_says_another_zone(text: str) -> None:
    assert _moment(text) == datetime(2026, 11, 22, 13, tzinfo=UTC)
    assert _moment(text).utcoffset() == timedelta(0), "Spark gets it without a zone, so it must be in UTC"


def test_a_day_is_its_beginning() -> None:
    assert _moment("2026-11-22") == datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "22.11.2026", "2026-13-01", "2026-11-22T25:00", "1763800000"])
def test_what_is_no_time_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(Refused) as caught:
        _moment(text)
    assert str(caught.value) == f"--older-than: {text!r} is no time; write it like 2026-11-22T13:00:00Z"


def test_without_a_time_what_is_older_than_icebergs_default_is_meant() -> None:
    before = datetime.now(UTC)
    moment = _moment(None)
    assert before - DEFAULT_AGE <= moment <= datetime.now(UTC) - DEFAULT_AGE
    assert timedelta(days=5) == DEFAULT_AGE


def test_iceberg_is_asked_in_utc_and_told_how_many_to_keep() -> None:
    lake: Any = Lake()
    run(lake, Arguments("shop.orders", older_than="2020-11-22T14:00:00.5+01:00", keep=3))
    assert lake.calls == [
        ("expire_snapshots", "shop.orders", "older_than => TIMESTAMP '2020-11-22 13:00:00.500000'", "retain_last => 3")
    ]


def test_each_kind_of_file_is_reported_under_its_own_name() -> None:
    lake: Any = Lake()
    assert run(lake, Arguments("shop.orders", older_than="2020-01-01")) == Result("shop.orders", 1, 2, 3, 4, 5, 6)
    assert run(lake, Arguments("shop.orders", older_than="2020-01-01")).deleted == 21


def test_keeping_no_snapshot_is_refused_before_anything_is_asked() -> None:
    lake: Any = SimpleNamespace(table=lambda name: None)
    with pytest.raises(Refused, match="--keep: must be at least 1"):
        run(lake, Arguments("shop.orders", keep=0))
