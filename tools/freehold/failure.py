# SPDX-License-Identifier: MIT
"""What can go wrong, and the exit status that says so. The manual page has the same table."""

OTHER = 1  # the system refused something
USAGE = 2
BAD_INPUT = 3  # a file that is not what it should be
NO_PROCESS = 4
NO_PERMISSION = 5
NO_PAGE = 6
BAD_PAGE = 7
# Those of `run`, as env and timeout have them; everything else is the command's own.
RUN_FAILED = 125
RUN_DENIED = 126
RUN_UNKNOWN = 127


class Failure(Exception):
    """Ends the command with one line on standard error, and a status."""

    def __init__(self, message, status=OTHER):
        super().__init__(message)
        self.status = status
