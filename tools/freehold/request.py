# SPDX-License-Identifier: MIT
"""Asks a process that runs for its heap profile, through its live page."""
import contextlib
import os

import amount
import dump
import page
import process
from failure import OTHER, USAGE, Failure

NAME = "/memfd:freehold-profile (deleted)"


def files(pid):
    """The dumps that a thread of it has open: the housekeeper has descriptors of its own."""
    return page.descriptors(pid, NAME)


def text_of(pid):
    """The dump as the process has written it: of a fork's child not that of its parent."""
    own = process.numbers(pid)
    for path in files(pid):
        with contextlib.suppress(FileNotFoundError, Failure), open(path, encoding="utf-8",
                                                                   errors="backslashreplace") as file:
            text = file.read()
            if dump.parse(text.splitlines(), path)[-1].process_id in own:
                return text
    raise Failure(f"process {pid}: it has written no heap profile that can be found", OTHER)


def take(pid):
    """Has it write a dump. Returns the text."""
    with page.open_process(pid) as live:
        live.order("dump")
        error = live.header()["dump_error"]
        if error:
            raise Failure(f"process {pid}: it cannot write its heap profile: {os.strerror(error)}", OTHER)
        return text_of(pid)


def switch(pid, interval):
    """Has it sample one block in INTERVAL bytes, or none. Returns the interval in KiB."""
    try:
        kibibytes = amount.in_units(interval, "K")
    except ValueError as wrong:
        raise Failure(f"--set: {wrong}", USAGE) from wrong
    if kibibytes >= 1 << 32:
        raise Failure("--set: that is too much", USAGE)
    with page.open_process(pid) as live:
        live.order("profile", profile_kib=kibibytes)
    return kibibytes
