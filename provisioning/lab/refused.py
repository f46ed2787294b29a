"""What `pct` and `pvesh` say where they refuse, in Proxmox's words: told as they are, not as a Problem of ours."""

from collections.abc import Mapping


class Refused(Exception):
    """The command is not carried out; its message goes to stderr as it is."""

    code = 255


class UnknownOption(Refused):
    """An option that the verb does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Unknown option: {name}\n400 unable to parse option")


class Invalid(Refused):
    """Values that the schema forbids, a line each."""

    def __init__(self, bad: Mapping[str, str]) -> None:
        lines = [f"{name}: {why}" for name, why in bad.items()]
        super().__init__("\n".join(["400 Parameter verification failed.", *lines]))
        self.bad = dict(bad)


class Missing(Refused):
    """There is no such container."""

    code = 2

    def __init__(self, node: str, vmid: int) -> None:
        super().__init__(f"Configuration file 'nodes/{node}/lxc/{vmid}.conf' does not exist")
