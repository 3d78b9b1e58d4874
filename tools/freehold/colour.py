# SPDX-License-Identifier: MIT
"""Colours, on a terminal only; NO_COLOR and --colour=never turn them off."""
import os
import sys

CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "faint": "2"}
when = "auto"


def wanted(stream):
    if when != "auto":
        return when == "always"
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"


def paint(words, colour, stream=None):
    if not wanted(stream or sys.stdout):
        return words
    return f"\x1b[{CODES[colour]}m{words}\x1b[0m"
