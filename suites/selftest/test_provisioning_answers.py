"""Whatever answers at a service's port, or does not: `up` and `status` hear one line of it, never a traceback."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from provisioning.connection import Connection, profile
from provisioning.health import examine, settle
from provisioning.inventory import load
from provisioning.services import SERVICES, Placement, ProbeFailed, client_secrets, first_line

LOCAL = load("local")
ANSWERS = {
    "starting": (503, "text/plain", b"Server not initialized yet, please try again."),
    "page": (200, "text/html", b"<html>hello</html>"),
    "nothing": (200, "application/xml", b""),
    "json": (404, "application/json", b"{}"),
    "xml": (403, "application/xml", b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"),
    "broken": (500, "application/xml", b"<Error"),
}


@pytest.fixture(params=ANSWERS)
def stranger(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a web server that gives one answer to everything."""
    status, kind, body = ANSWERS[request.param]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_PUT = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def at(port: int) -> Connection:
    """A lakehouse, each service of which is expected at the same port."""
    secrets = dict.fromkeys(client_secrets(SERVICES), "secret" * 3)
    return profile(LOCAL, Path("local.toml"), dict.fromkeys(LOCAL.services, port), secrets)


def placed(name: str, connection: Connection, port: int) -> Placement:
    secrets = dict.fromkeys(SERVICES[name].SECRETS, "secret" * 3)
    none = Path("/nowhere")
    return Placement(none, "127.0.0.1", port, 2**30, none, none, {}, connection, secrets)


@pytest.mark.parametrize("name", SERVICES)
def test_a_stranger_at_the_port_is_one_line_of_no_answer(name: str, stranger: int) -> None:
    health = examine(name, at(stranger), timeout=0.3)
    if health.answers:
        assert (name, health.version) == ("minio", "unknown"), "a server that says yes to everything may be some S3"
        return
    assert health.error, health
    assert "\n" not in health.error, health.error


def test_a_stranger_at_the_port_of_minio_is_not_furnished(stranger: int) -> None:
    with pytest.raises(ProbeFailed) as caught:
        settle("minio", placed("minio", at(stranger), stranger))
    assert str(caught.value), "no reason is said"
    assert "\n" not in str(caught.value), caught.value


@pytest.mark.parametrize("stranger", ["starting"], indirect=True)
def test_a_minio_that_starts_is_not_ready_and_says_so(stranger: int) -> None:
    with pytest.raises(ProbeFailed, match=r"^as its root account: .*503"):
        SERVICES["minio"].after_start(placed("minio", at(stranger), stranger))
    with pytest.raises(ProbeFailed, match="503"):
        SERVICES["minio"].probe(at(stranger), 2)


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("error", [KeyError("x"), ValueError("a\nb"), RuntimeError(), OSError(5, "broken")], ids=repr)
def test_what_a_library_stumbles_over_is_said_with_its_kind(
    name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> str:
        raise error

    monkeypatch.setattr(SERVICES[name], "probe", stumble)
    monkeypatch.setattr(SERVICES[name], "after_start", stumble)
    health = examine(name, at(1), timeout=1)
    with pytest.raises(ProbeFailed) as caught:
        settle(name, placed(name, at(1), 1))
    assert health.error == str(caught.value)
    assert type(error).__name__ in str(health.error), health.error
    assert "\n" not in str(health.error), health.error


@pytest.mark.parametrize("name", SERVICES)
def test_a_profile_without_the_service_is_no_answer(name: str) -> None:
    nothing = profile(LOCAL.model_copy(update={"services": {}}), Path("local.toml"), {}, {})
    health = examine(name, nothing, timeout=1)
    assert (health.answers, health.address) == (False, "-"), health


@pytest.mark.parametrize(
    ("text", "line"),
    [("one\ntwo", "one"), ("\n  two", "two"), ("", "str"), (KeyError(), "KeyError"), ("x" * 500, "x" * 200)],
)
def test_what_was_said_becomes_one_line_of_bearable_length(text: object, line: str) -> None:
    assert first_line(text) == line
