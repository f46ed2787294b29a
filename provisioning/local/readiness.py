"""Waiting for services that were started: each until it answers as its clients need it, or until one cannot."""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from threading import Event

from provisioning.health import Health, examine, settle
from provisioning.local.supervision import Process
from provisioning.problem import Problem
from provisioning.services import Placement, ProbeFailed
from provisioning.waiting import Hopeless, wait_until

Processes = Callable[[], Mapping[str, Process]]


class NotYet(Exception):
    """The service does not answer as it should, and may soon."""


def wait_ready(
    places: Mapping[str, Placement], processes: Processes, report: Callable[[str], None], timeout: float
) -> None:
    """Wait until all services answer. Raises Problem as soon as one of them cannot; the others are not waited for."""
    stop = Event()
    with ThreadPoolExecutor(max_workers=len(places)) as pool:
        waiting = [pool.submit(_wait_one, name, place, processes, stop, timeout) for name, place in places.items()]
        for future in waiting:
            future.add_done_callback(lambda done: None if done.exception() else report(_line(done.result())))
        try:
            ended = wait(waiting, return_when=FIRST_EXCEPTION).done
        finally:
            stop.set()
    for future in ended:
        future.result()


def _line(health: Health) -> str:
    return f"{health.service}: {health.version} at {health.address}"


def _wait_one(name: str, place: Placement, processes: Processes, stop: Event, timeout: float) -> Health:
    look = partial(_look, name, place, processes, stop)
    try:
        return wait_until(look, timeout, name, transient=(NotYet,), interval=0.3)
    except (TimeoutError, Hopeless) as error:
        log = place.home / "log" / f"{name}.log"
        raise Problem(f"did not come up: {error}; {last_line(log)}", where=name, remedy=f"see {log}") from None


def _look(name: str, place: Placement, processes: Processes, stop: Event) -> Health:
    if stop.is_set():
        raise Hopeless("no longer waited for")
    process = processes().get(name)
    if process is None or not process.runs:
        raise Hopeless(f"its process ended ({process.note or process.state if process else 'not started'})")
    try:
        settle(name, place)
    except ProbeFailed as failure:
        raise NotYet(str(failure)) from None
    health = examine(name, place.connection, timeout=15)
    if not health.answers:
        raise NotYet(str(health.error))
    return health


def last_line(log: Path) -> str:
    """The line of a service's log that tells most of why it ended."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace")[-20_000:].splitlines()
    except OSError:
        return "no log"
    telling = [line for line in lines if any(word in line for word in (" ERROR ", "FATAL", "Exception", "Error "))]
    return f"its log says: {(telling or lines or ['empty log'])[-1].strip()[:200]}"
