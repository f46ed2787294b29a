"""`python -m provisioning.lab STATE pct|pvesh …`, which `STATE/bin/pct` and `STATE/bin/pvesh` call; and `install`.

What only one command needs is imported by it: start-up is half of what a `pct exec` costs.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from provisioning.lab import namespace
from provisioning.lab.refused import Refused
from provisioning.lab.settings import Settings
from provisioning.problem import Exit, Problem

COMMANDS = ("pct", "pvesh", "prestart", "populate")
USAGE = "usage: python -m provisioning.lab install | STATE pct VERB … | STATE pvesh get PATH …"


def main(line: Sequence[str]) -> int:
    """Carry out a command line; what goes wrong is told in a line on stderr, never as a traceback."""
    if list(line) in (["--help"], ["-h"]):
        print(f"{USAGE}\n\n{__doc__}")
        return Exit.DONE
    try:
        return _installed() if list(line) == ["install"] else _answered(line)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return refused.code
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.code
    except OSError as error:  # a full disk, a folder of somebody else's, something that does not end in time
        print(f"lab: {error}", file=sys.stderr)
        return Exit.UNREACHABLE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _installed() -> int:
    from provisioning.lab import host

    host.install(lambda told: print(told, flush=True))
    return Exit.DONE


def _answered(line: Sequence[str]) -> int:
    if len(line) < 2 or line[1] not in COMMANDS:
        print(USAGE, file=sys.stderr)
        return Exit.USAGE
    settings, command, rest = Settings.read(Path(line[0])), line[1], line[2:]
    if command in ("prestart", "populate"):  # LXC and `create` call these, in a mount namespace of their own
        return _in_tree(settings, command, int(rest[0]))
    namespace.enter(settings.netns)
    if (command, *rest[:1]) == ("pct", "exec"):  # asked a thousand times: it needs none of the other verbs
        from provisioning.lab import inside

        inside.exec_(settings, rest[1:])
    print(_verbs(command)(settings, rest), end="")
    return Exit.DONE


def _verbs(command: str) -> Callable[[Settings, Sequence[str]], str]:
    if command == "pct":
        from provisioning.lab import pct

        return pct.main
    from provisioning.lab import pvesh

    return pvesh.main


def _in_tree(settings: Settings, command: str, vmid: int) -> int:
    from provisioning.lab import containers, creating

    if command == "populate":
        creating.populate(settings, vmid)
    else:
        containers.mount(settings, vmid)
        containers.prepared(settings, vmid)
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
