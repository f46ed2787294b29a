"""Secrets by name: from the environment, from `.env`, or generated once and kept (0600)."""

import json
import os
import secrets as entropy
from collections.abc import Iterable, Mapping
from pathlib import Path

from provisioning.files import write_private
from provisioning.problem import Exit, Problem

DOTENV = Path(__file__).parent.parent / ".env"


def variable(name: str) -> str:
    """The environment variable that sets a secret: `minio-root` -> `DATALAKE_MINIO_ROOT`."""
    return f"DATALAKE_{name.upper().replace('-', '_')}"


def given(names: Iterable[str], dotenv: Path = DOTENV) -> dict[str, str]:
    """Those of `names` that the environment or `.env` sets; the environment wins."""
    values = {**read_dotenv(dotenv), **os.environ}
    return {name: values[variable(name)] for name in names if values.get(variable(name))}


def required(names: Iterable[str], dotenv: Path = DOTENV) -> dict[str, str]:
    """All of `names`, for a lakehouse that we did not make. Raises Problem that lists the variables to set."""
    names = tuple(names)
    found = given(names, dotenv)
    missing = [variable(name) for name in names if name not in found]
    if missing:
        raise Problem(f"not set: {', '.join(missing)}", where=str(dotenv), remedy="set them there", code=Exit.USAGE)
    return found


def generated(names: Iterable[str], store: Path, dotenv: Path = DOTENV) -> dict[str, str]:
    """All of `names`: what is given, what `store` has kept, and new ones for the rest, kept in `store` from now on."""
    names = tuple(names)
    kept = _kept(store)
    made = {name: entropy.token_hex(20) for name in names if name not in kept}
    if made:
        write_private(store, json.dumps({**kept, **made}, indent=1))
    return {name: value for name, value in {**kept, **made, **given(names, dotenv)}.items() if name in names}


def known(names: Iterable[str], store: Path, dotenv: Path = DOTENV) -> dict[str, str]:
    """Those of `names` that `generated` would not have to make; nothing is written."""
    names = tuple(names)
    return {name: value for name, value in {**_kept(store), **given(names, dotenv)}.items() if name in names}


def _kept(store: Path) -> Mapping[str, str]:
    try:
        return dict(json.loads(store.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError):
        remedy = "restore it, or remove it: new secrets are made, the data stay"
        raise Problem("unreadable", where=str(store), remedy=remedy) from None


def read_dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; blank lines, comments, `export ` and quotes around a value are allowed."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise Problem("unreadable", where=str(path), remedy="mend it, or move it away", code=Exit.USAGE) from None
    values = {}
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, separator, value = text.partition("=")
        if not separator:
            raise Problem("is not NAME=value", where=f"{path}:{number}", remedy="mend the line", code=Exit.USAGE)
        values[name.strip()] = value.strip().strip("\"'")
    return values
