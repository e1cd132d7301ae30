"""How a command ends badly: what happened, why if known, and what to do next."""


class CommandError(Exception):
    """Ends the command with a message on standard error.

    Attributes:
        details: further lines, e.g. one for each problem.
        advice: what to do next.
        code: the exit code: 1 refused or failed, 2 wrong usage.
    """

    def __init__(
        self, message: str, *, details: tuple[str, ...] = (), advice: str | None = None, code: int = 1
    ) -> None:
        super().__init__(message)
        self.details = details
        self.advice = advice
        self.code = code

    def lines(self) -> list[str]:
        """What to print."""
        lines = [f"podexec: {self}", *(f"  {detail}" for detail in self.details)]
        return [*lines, f"  {self.advice}"] if self.advice else lines
