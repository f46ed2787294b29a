"""What a job refuses or cannot do, in one line: what, where, what to do."""


class JobError(Exception):
    """Base of what a job reports to people. `code` is the exit code of its command line."""

    code = 3

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(what, where, remedy)
        self.what, self.where, self.remedy = what, where, remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}"


class Refused(JobError):
    """The request makes no sense or isn't supported; nothing was written."""

    code = 2


class Damaged(JobError):
    """A promise is broken: the data is not what was recorded."""

    code = 1


class Unreachable(JobError):
    """A service or file that is needed does not answer."""

    code = 3
