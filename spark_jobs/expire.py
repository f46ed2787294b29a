"""Expire a table's old snapshots and delete the files that only they needed."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spark_jobs.command import command, option
from spark_jobs.errors import Refused
from spark_jobs.lake import Lake

DEFAULT_AGE = timedelta(days=5)  # Iceberg's own default


@dataclass(frozen=True)
class Arguments:
    """Which table, and what to keep."""

    table: str = option("namespace.table")
    older_than: str | None = option(
        "expire snapshots older than this time (ISO 8601); default: 5 days ago", default=None
    )
    keep: int = option("keep at least so many of the newest snapshots", default=1)


@dataclass(frozen=True)
class Result:
    """Deleted files by kind; all zero where nothing was old enough."""

    table: str
    data_files: int
    position_delete_files: int
    equality_delete_files: int
    manifests: int
    manifest_lists: int
    statistics_files: int

    @property
    def deleted(self) -> int:
        """Files in all."""
        data = self.data_files + self.position_delete_files + self.equality_delete_files
        return data + self.manifests + self.manifest_lists + self.statistics_files

    def __str__(self) -> str:
        if not self.deleted:
            return f"{self.table}: nothing to expire"
        return f"{self.table}: {self.deleted} files deleted, {self.data_files} of them data files"


def run(lake: Lake, arguments: Arguments) -> Result:
    """Run Iceberg's expire_snapshots. Raises Refused for a time that is none or lies ahead."""
    lake.table(arguments.table)
    if arguments.keep < 1:
        raise Refused("must be at least 1", where="--keep", remedy="the current snapshot cannot be expired")
    moment = _moment(arguments.older_than)
    limit = f"older_than => TIMESTAMP '{moment.strftime('%Y-%m-%d %H:%M:%S.%f')}'"
    row = lake.call("expire_snapshots", arguments.table, limit, f"retain_last => {arguments.keep}")
    kinds = ("data_files", "position_delete_files", "equality_delete_files", "manifest_files", "manifest_lists")
    counts = [row[f"deleted_{kind}_count"] for kind in (*kinds, "statistics_files")]
    return Result(arguments.table, *counts)


def _moment(text: str | None) -> datetime:
    """A time in UTC; one without a zone is taken as UTC, as Spark's session is."""
    if text is None:
        return datetime.now(UTC) - DEFAULT_AGE
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        what, remedy = f"{text!r} is no time", "write it like 2026-11-22T13:00:00Z"
        raise Refused(what, where="--older-than", remedy=remedy) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment > datetime.now(UTC):
        raise Refused(f"{text} lies ahead", where="--older-than", remedy="name a time that has passed")
    return moment


if __name__ == "__main__":
    sys.exit(command(run, Arguments, __doc__))
