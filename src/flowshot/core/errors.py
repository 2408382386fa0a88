"""The one exception a user may see: one line that says what, where, and what to do."""


class FlowshotError(Exception):
    """A problem that the user can fix.

    The message is one line. Stages and the command print it on standard error and exit with 1;
    anything else that escapes is a bug of ours and keeps its traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class Interrupted(FlowshotError):
    """A stop was requested, and the state so far was saved."""
