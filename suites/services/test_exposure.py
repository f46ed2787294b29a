"""What the embedded lakehouse shows to others: nothing."""

import json
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from provisioning.health import Health
from provisioning.local.supervision import marked

pytestmark = [
    pytest.mark.requires("processes"),
    pytest.mark.verifies("security.loopback-only"),
    pytest.mark.impact("observe"),
]


def test_every_server_listens_on_loopback_only(connection_path: Path, service_health: Mapping[str, Health]) -> None:
    processes = marked(connection_path.parent.resolve())
    listening = [c for process in processes for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    addresses = {connection.laddr.ip for connection in listening}
    ports = {int(health.address.rpartition(":")[2]) for health in service_health.values() if health.answers}
    assert ports, "no service answers, so nothing is shown"
    assert {c.laddr.port for c in listening} >= ports, f"not all of {ports} belong to the lakehouse: {listening}"
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, f"listening on {addresses}"


def test_no_secret_is_in_an_argument_a_log_or_a_file_for_others(connection_path: Path) -> None:
    state = connection_path.parent.resolve()
    secrets = set(json.loads((state / "secrets.json").read_text()).values())
    arguments = " ".join(" ".join(process.cmdline()) for process in marked(state))
    assert len(secrets) >= 5 and arguments, f"{len(secrets)} secrets, arguments {arguments[:50]!r}: nothing to look for"
    assert not [secret for secret in secrets if secret in arguments], "a secret stands in a process's arguments"
    found = 0
    files = (*state.glob("*"), *state.glob("*/conf/*"), *state.glob("*/log/*"))  # data come and go meanwhile
    for path in (path for path in files if path.is_file()):
        holds = any(secret in path.read_text(errors="replace") for secret in secrets)
        mode = path.stat().st_mode
        found += holds
        assert not (holds and "log" in path.relative_to(state).parts), f"{path}: a secret in a log"
        assert not holds or mode & 0o077 == 0, f"{path}: a secret in a file of mode {mode:o}"
    assert found >= 3, f"{found} files hold a secret: settings, profile and secrets.json do"
