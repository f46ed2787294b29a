"""Everything that is known about each service, said once, a package each. Adding a service is adding a folder here."""

from collections.abc import Iterable, Mapping

from provisioning.services import hive, minio, spark
from provisioning.services.placement import Command, Placement, ProbeFailed, Service, first_line

__all__ = ["SERVICES", "Command", "Placement", "ProbeFailed", "Service", "client_secrets", "first_line"]

SERVICES: Mapping[str, Service] = {"minio": minio, "hive": hive, "spark": spark}


def client_secrets(services: Iterable[str]) -> tuple[str, ...]:
    """Names of the secrets that clients of these services need."""
    return tuple(sorted({name for service in services for name in SERVICES[service].CLIENT_SECRETS}))
