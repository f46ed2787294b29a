"""Everything that is known about each service, said once, a package each. Adding a service is adding a folder here."""

from collections.abc import Mapping

from provisioning.services import hive, minio, spark
from provisioning.services.placement import Command, Placement, ProbeFailed, Service

__all__ = ["SERVICES", "Command", "Placement", "ProbeFailed", "Service"]

SERVICES: Mapping[str, Service] = {"minio": minio, "hive": hive, "spark": spark}
