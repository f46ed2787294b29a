"""Render a run as a page, or compare two runs.

python -m reports [RUN_FOLDER] [--complete] [--root DIR]
python -m reports agree RUN_A RUN_B [--root DIR]
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from reports import agreement, html, terminal
from reports.conformance import Conformance, count, demand_complete, judge
from reports.decode import encode
from reports.results import ResultsError, Run, load, write_atomically

ROOT = Path(__file__).parent / "out"
PAGE, DATA = "conformance.html", "conformance.json"
MOST = 50

RENDER_HELP = """\
Writes conformance.html and conformance.json into the folder of a run and prints a summary.
'python -m reports agree RUN_A RUN_B' compares the verdicts of two runs instead.

exit codes:
  0    every judged promise is kept
  1    a promise is broken
  2    wrong usage, or the run cannot be read
  3    could not be judged: errors, blocked tests, reasons that the inventory does not accept,
       nothing judged, an incomplete run; with --complete also a promise that was not judged
  130  interrupted"""

AGREE_HELP = """\
Compares two runs by their sets of (test, verdict, reason).

exit codes:
  0    they agree
  1    they differ; each difference is named
  2    wrong usage, or a run cannot be read
  3    one of them judged nothing or is incomplete, so that agreeing would mean nothing"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _agree(arguments[1:]) if arguments[:1] == ["agree"] else _render(arguments)
    except ResultsError as error:
        return _complain(f"{error}. Nothing was reported; name another run, or record a new one with pytest.")
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}. The report was not written; free or unlock that path.")
    except KeyboardInterrupt:
        return 130


def _render(arguments: Sequence[str]) -> int:
    parser = _parser("python -m reports", RENDER_HELP)
    parser.add_argument("run", nargs="?", metavar="RUN_FOLDER", help="a run's folder or its name (default: the last)")
    parser.add_argument("--complete", action="store_true", help="demand every promise expected of the run's target")
    options = parser.parse_args(arguments)
    folder = _folder(options.root, options.run) if options.run else _last(options.root)
    run, conformance = write(folder, complete=options.complete)
    print("\n".join(terminal.summary(run, conformance, str(folder / PAGE), _colour())))
    return conformance.exit_code


def write(folder: Path, *, complete: bool = False) -> tuple[Run, Conformance]:
    """Judge a run and write its page and its data; `complete` also demands every promise expected of its target."""
    run = load(folder)
    conformance = judge(run)
    if complete:
        conformance = demand_complete(conformance, run.header.target)
    write_atomically(folder / PAGE, html.render(run, conformance))
    write_atomically(folder / DATA, json.dumps(as_json(run, conformance), indent=2) + "\n")
    return run, conformance


def _agree(arguments: Sequence[str]) -> int:
    parser = _parser("python -m reports agree", AGREE_HELP)
    parser.add_argument("left", metavar="RUN_A", help="a run's folder or its name")
    parser.add_argument("right", metavar="RUN_B", help="the run to compare it with")
    options = parser.parse_args(arguments)
    left, right = (load(_folder(options.root, name)) for name in (options.left, options.right))
    result = agreement.compare(left, right)
    for obstacle in result.obstacles:
        print(f"cannot be compared: {obstacle}")
    for difference in result.differences[:MOST]:
        print(f"differs: {difference}")
    if len(result.differences) > MOST:
        print(f"and {len(result.differences) - MOST} more")
    if result.agrees:
        print(f"{left.header.run} and {right.header.run} agree on {count(len({r.test for r in left.rows}), 'test')}")
    return result.exit_code


def as_json(run: Run, conformance: Conformance) -> dict[str, object]:
    """conformance.json: the judgement for programs; the rows it rests on are in results.jsonl beside it."""
    return {
        "format": 1,
        "run": run.header.run,
        "inventory": run.header.inventory,
        "target": run.header.target,
        "verdict": conformance.verdict,
        "exit_code": conformance.exit_code,
        "objections": encode(conformance.objections),
        "promises": [
            {
                "id": result.promise.id,
                "verdict": result.verdict,
                "expected": result.expected,
                "tests": {test.id: test.state for test in result.tests},
            }
            for result in conformance.promises
        ],
        "tests": {test.id: test.state for test in conformance.tests},
    }


def _parser(program: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR", help="where runs are (default: reports/out)")
    return parser


def _folder(root: Path, name: str) -> Path:
    """A run by its folder, or by its name under the root."""
    found = next((path for path in (Path(name), root / name) if path.is_dir()), None)
    if found is None:
        raise ResultsError(f"{root / name}: no such run")
    return found


def _last(root: Path) -> Path:
    if not (root / "last").is_dir():
        raise ResultsError(f"{root / 'last'}: no run has been recorded here")
    return root / "last"


def _colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _complain(problem: str) -> int:
    print(f"reports: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
