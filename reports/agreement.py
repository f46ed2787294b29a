"""Whether two runs came to the same: the same tests, with the same verdicts, for the same reasons.

Times, measurements and the order of tests may differ; that is what makes `-n 0` and `-n 2` comparable.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from reports.results import Row, Run

States = tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """One test and what each run says of it; empty where a run does not have it."""

    test: str
    left: States
    right: States

    def __str__(self) -> str:
        return f"{self.test}: {', '.join(self.left) or 'absent'} | {', '.join(self.right) or 'absent'}"


@dataclass(frozen=True)
class Agreement:
    """What two runs differ in, and why they may not be comparable at all."""

    differences: tuple[Difference, ...]
    obstacles: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """The runs are comparable and do not differ."""
        return not self.obstacles and not self.differences

    @property
    def exit_code(self) -> int:
        """0 they agree, 1 they differ, 3 they cannot be compared."""
        if self.obstacles:
            return 3
        return 1 if self.differences else 0


def compare(left: Run, right: Run) -> Agreement:
    """Compare two runs by their sets of (test, verdict, reason)."""
    mine, theirs = _states(left.rows), _states(right.rows)
    differences = tuple(
        Difference(test, mine.get(test, ()), theirs.get(test, ()))
        for test in sorted(mine.keys() | theirs.keys())
        if mine.get(test) != theirs.get(test)
    )
    return Agreement(differences, tuple(_obstacles(left)) + tuple(_obstacles(right)))


def _states(rows: Iterable[Row]) -> dict[str, States]:
    states: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        states[row.test].add(f"{row.verdict} ({row.reason})" if row.reason else row.verdict)
    return {test: tuple(sorted(found)) for test, found in states.items()}


def _obstacles(run: Run) -> Iterable[str]:
    # Two runs that did nothing, or stopped at the same place, are equal and prove nothing.
    if not any(row.executed for row in run.rows):
        yield f"{run.header.run} judged nothing"
    elif not run.complete:
        yield f"{run.header.run} is incomplete"
