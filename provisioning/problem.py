"""What goes wrong on the user's side of the line, said in one line."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command of ours (pytest keeps its own)."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class Problem(Exception):
    """Something that the user can mend: what is wrong, where, and what to do.

    Command lines print it as one line and exit with `code`; it never reaches the user as a traceback.
    """

    def __init__(self, what: str, *, where: str, remedy: str, code: Exit = Exit.UNREACHABLE) -> None:
        super().__init__(what, where, remedy)
        self.what, self.where, self.remedy, self.code = what, where, remedy, code

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}"
