"""Compact a table: merge its small files into few. Rows and kept snapshots stay what they are."""

import sys
from dataclasses import dataclass

from spark_jobs.command import command, option
from spark_jobs.lake import Lake


@dataclass(frozen=True)
class Arguments:
    """Which table, and from how many files on."""

    table: str = option("namespace.table")
    min_input_files: int = option("merge a partition's files where there are at least so many", default=5)


@dataclass(frozen=True)
class Result:
    """What Iceberg did; all zero where there was nothing to do."""

    table: str
    rewritten_files: int
    added_files: int
    rewritten_bytes: int
    failed_files: int
    removed_delete_files: int

    @property
    def exit_code(self) -> int:
        """1 where files failed."""
        return 1 if self.failed_files else 0

    def __str__(self) -> str:
        if not self.rewritten_files:
            return f"{self.table}: nothing to compact"
        return f"{self.table}: {self.rewritten_files} files became {self.added_files}"


def run(lake: Lake, arguments: Arguments) -> Result:
    """Run Iceberg's rewrite_data_files (bin-pack)."""
    lake.table(arguments.table)
    options = f"options => map('min-input-files', '{arguments.min_input_files}')"
    row = lake.call("rewrite_data_files", arguments.table, options)
    return Result(
        arguments.table,
        row["rewritten_data_files_count"],
        row["added_data_files_count"],
        row["rewritten_bytes_count"],
        row["failed_data_files_count"],
        row["removed_delete_files_count"],
    )


if __name__ == "__main__":
    sys.exit(command(run, Arguments, __doc__))
