"""The command line of `python -m provisioning`: its commands, their options, their help."""

import argparse

from provisioning.choice import last
from provisioning.inventory import shipped

MORE = {
    "sweep": "Remove what killed test runs left here (namespaces, tables, drafts of restores, backups) and "
    "temporary folders of this machine that are older than a day. It cannot tell a run that was killed from one that "
    "goes on: it also removes the tables of test runs and restores that are STILL GOING. Let them end first.",
}


LOOKING_AFTER = ("status", "down", "destroy", "reset", "start", "stop", "env", "sweep")
NAMED = ("start", "stop", "reset")


def inventory_meant(command: str) -> str:
    """Where none is named: what looks after a lakehouse takes the one last brought up here, all else `local`."""
    return (last() if command in LOOKING_AFTER else None) or "local"


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    whole = argparse.ArgumentParser(prog="python -m provisioning", description="Build a lakehouse and look after it.")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    helps = {
        "plan": "what `up` would do",
        "up": "make the lakehouse run; changes nothing where it does",
        "status": "what runs and what it answers",
        "down": "stop it, keep the data",
        "destroy": "stop it, remove the data",
        "reset": "one container as it was after provisioning",
        "start": "start one service or container",
        "stop": "stop one service or container",
        "env": "how to reach it: writes the connection profile and prints it",
        "audit": "what is wrong with an inventory by itself",
        "sweep": "remove what killed test runs left",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text, description=MORE.get(name, text))
        command.add_argument(
            "--inventory",
            metavar="NAME|FILE",
            help=f"{', '.join(shipped())}, or a file "
            f"(default: {'the one last brought up' if name in LOOKING_AFTER else 'local'})",
        )
        if name in NAMED:
            command.add_argument("name", metavar="CONTAINER" if name == "reset" else "NAME")
        if name == "plan":
            command.add_argument(
                "--show-commands", action="store_true", help="as one would type it on the node (containers)"
            )
        if name == "up":
            command.add_argument("--timeout", type=float, default=180, metavar="S", help="seconds to become healthy")
        if name == "sweep":
            command.add_argument("--dry-run", action="store_true", help="only say what would be removed")
        if name in ("destroy", "reset", "sweep"):
            command.add_argument("--yes", action="store_true", help="do not ask")
        if name == "env":
            command.add_argument("--shell", action="store_true", help="as lines for eval")
    return whole
