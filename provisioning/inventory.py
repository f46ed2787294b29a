"""The inventory: what is there, as frozen typed data. Nothing else knows an address, a port, a version or a size."""

import contextlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyAddress,
    ValidationError,
    model_validator,
)

from provisioning.problem import Exit, Problem
from provisioning.sizes import parse_size

SHIPPED = Path(__file__).parent / "inventories"
SERVICES = Path(__file__).parent / "services"

LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"  # of a DNS name, as Proxmox takes it
Size = Annotated[int, BeforeValidator(parse_size)]
Reason = Literal["not-declared", "over-impact", "not-comparable", "known-failure"]
Product = Literal["python", "spark", "iceberg", "hive", "proxmox", "debian"]
Impact = Literal["observe", "write", "disrupt"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Host(_Strict):
    """The Proxmox host. Sizes in bytes."""

    address: IPvAnyAddress
    memory: Size
    cores: int = Field(gt=0)
    disk: Size


def _whole(size: int) -> int:
    if size % 10**9 and size % 2**30:
        raise ValueError("a disk is planned in whole GB or GiB")
    return size


class Container(_Strict):
    """One planned machine. Sizes in bytes; `planned_address` where a decision moved it.

    `order` is its place in the host's start order. The plan says nothing of swap: Proxmox's own default, said aloud.
    """

    ct: int = Field(ge=100, lt=2**24)  # its hardware address follows from it
    memory: Annotated[Size, Field(ge=16 * 2**20)]
    swap: Size = 512 * 2**20
    cores: int = Field(gt=0, le=8192)
    disk: Annotated[Size, AfterValidator(_whole)]
    address: IPvAnyAddress
    planned_address: IPvAnyAddress | None = None
    order: int = Field(default=1, ge=0)
    runs: tuple[str, ...]

    @property
    def disk_gib(self) -> int:
        """What one types for the disk: the plan's 20 GB are `local:20`, of which Proxmox makes 20 GiB."""
        return self.disk // (10**9 if self.disk % 10**9 == 0 else 2**30)


class Hypervisor(_Strict):
    """The node that answers `pct` and `pvesh`, and what it gives every container.

    `ssh` is how to get there (user@host, with sudo); without it the commands are run here.
    """

    node: str = "pve"
    ssh: str | None = None
    storage: str = "local"
    template: str
    bridge: str = "vmbr0"
    prefix: int = Field(default=24, ge=8, le=30)
    gateway: IPvAnyAddress
    mtu: int = Field(default=1500, ge=576, le=9000)
    tag: str = Field(default="datalake", pattern=r"^[a-z0-9_][a-z0-9_.+-]*$")
    ca_files: tuple[str, ...] = ()


class Service(_Strict):
    """A declared service: where it answers, and how much memory it may take (bytes)."""

    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    memory: Size | None = None
    tls: bool = False


def _known_service(name: str) -> str:
    known = sorted(path.parent.name for path in SERVICES.glob("*/__init__.py"))
    if name not in known:
        raise ValueError(f"{name!r} is no service that we know; those are {', '.join(known)}")
    return name


ServiceName = Annotated[str, BeforeValidator(_known_service)]


class Store(_Strict):
    """Where tables and backups live in the object store, and as whom the harness, Spark and the backup go there."""

    region: str = "us-east-1"
    warehouse_bucket: str = "lake"
    backup_bucket: str = "backups"
    accounts: dict[Literal["harness", "spark", "backup"], str] = {
        "harness": "harness",
        "spark": "spark",
        "backup": "backup",
    }


def _tls_of_minio_only(services: dict[str, Service]) -> dict[str, Service]:
    wrong = [name for name, service in services.items() if service.tls and name != "minio"]
    if wrong:
        raise ValueError(
            f"tls is for minio only, not for {', '.join(wrong)}: Spark Connect has it wherever it is remote"
        )
    return services


class KnownFailure(_Strict):
    """A promise known to be broken here, by which exception, and where that is followed up."""

    promise: str
    exception: str
    link: str


class Budget(_Strict):
    """What a run may cost: generated rows in one job, and the free disk (bytes) that has to remain."""

    rows: int = Field(gt=0, default=1_000_000)
    free_disk: Size = 2**30


class Inventory(_Strict):
    """One lakehouse: the plan that it follows and the services that it declares."""

    format: Literal[1]
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    target: Literal["paper", "local", "site", "lab", "proxmox"]
    extends: str | None = None
    domain: Annotated[str, Field(pattern=rf"^{LABEL}(\.{LABEL})*\.?$"), AfterValidator(lambda name: name.rstrip("."))]
    dns: Literal["proxmox-host", "bind", "site"]
    ssh_key: str
    versions: dict[Product, str]
    host: Host
    containers: dict[Annotated[str, Field(pattern=f"^{LABEL}$")], Container]
    hypervisor: Hypervisor | None = None
    services: Annotated[dict[ServiceName, Service], AfterValidator(_tls_of_minio_only)] = {}
    store: Store = Store()
    ca_file: str | None = None
    impact: Impact = "write"
    accepts: tuple[Reason, ...] = ("not-declared",)
    known_failures: tuple[KnownFailure, ...] = ()
    budget: Budget = Budget()
    seed: int = 42

    @model_validator(mode="after")
    def _containers_have_a_hypervisor(self) -> Self:
        if self.makes_containers and self.hypervisor is None:
            raise ValueError(f"target {self.target!r} needs a [hypervisor] section")
        return self

    @property
    def makes_containers(self) -> bool:
        """Whether its machines are containers on a hypervisor, and not only a plan."""
        return self.target in ("lab", "proxmox")

    @property
    def required_hypervisor(self) -> Hypervisor:
        """The hypervisor of an inventory that makes containers: without one it is not loaded."""
        assert self.hypervisor is not None, f"{self.name} makes no containers"  # noqa: S101  the caller's mistake
        return self.hypervisor


def shipped() -> list[str]:
    """Names of the inventories that come with the project."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def find(choice: str) -> Path:
    """`choice` is a shipped inventory's name or a path. Raises Problem that lists the choices."""
    path = SHIPPED / f"{choice}.toml" if choice in shipped() else Path(choice)
    with contextlib.suppress(OSError):  # a name that is too long, a folder that may not be entered
        if path.is_file():
            return path.resolve()
    raise Problem(
        "there is no such inventory",
        where=f"--inventory {choice}",
        remedy=f"give a path to one, or one of: {', '.join(shipped())}",
        code=Exit.USAGE,
    )


def load(choice: str) -> Inventory:
    """Read an inventory and what it extends. Raises Problem that names file, key and what is allowed."""
    path = find(choice)
    try:
        return Inventory.model_validate(_merged(path))
    except ValidationError as error:
        raise _explain(path, error) from None


def _merged(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    if path in seen:
        raise Problem("extends itself", where=f"{path}: extends", remedy="break the circle", code=Exit.USAGE)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Problem(f"no TOML: {error}", where=str(path), remedy="mend that line", code=Exit.USAGE) from None
    except OSError as error:
        raise Problem(f"{error.strerror}", where=str(path), remedy="make it readable", code=Exit.USAGE) from None
    if "extends" not in data:
        return data
    beside = path.parent / f"{data['extends']}.toml"
    try:
        # A file that is called like what it extends means the shipped one, not itself.
        base = beside if beside.is_file() and beside.resolve() != path else find(str(data["extends"]))
    except Problem as problem:
        raise Problem(problem.what, where=f"{path}: extends", remedy=problem.remedy, code=Exit.USAGE) from None
    return _overlay(_merged(base.resolve(), (*seen, path)), data)


def _overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key; any other value of `top` replaces the one of `base`."""
    both = {
        key: _overlay(base[key], value) for key, value in top.items() if _is_table(value) and _is_table(base.get(key))
    }
    return {**base, **top, **both}


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _explain(path: Path, error: ValidationError) -> Problem:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    match first["type"]:
        case "extra_forbidden":
            what, remedy = "unknown key", f"allowed there: {', '.join(_allowed(first['loc'][:-1]))}"
        case "missing":
            what, remedy = "missing", "add it"
        case _:
            what, remedy = first["msg"].removeprefix("Value error, "), f"it says {first['input']!r}"
    where = f"{path}: {key}" if key else str(path)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return Problem(what + more, where=where, remedy=remedy, code=Exit.USAGE)


def _allowed(location: tuple[int | str, ...]) -> list[str]:
    """Keys of the model at `location`, which its first word tells."""
    nested: dict[str, type[_Strict]] = {
        "host": Host,
        "containers": Container,
        "hypervisor": Hypervisor,
        "services": Service,
        "store": Store,
        "budget": Budget,
        "known_failures": KnownFailure,
    }
    model = nested.get(str(location[0]), Inventory) if location else Inventory
    return sorted(model.model_fields)
