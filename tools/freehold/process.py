# SPDX-License-Identifier: MIT
"""What /proc says of a process."""
import contextlib
import os
import re

LIBRARY = "libfreehold"
TICKS = os.sysconf("SC_CLK_TCK")


def read(path):
    """The text of a file in /proc, or nothing if that cannot be had."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
    return ""


def is_number(target):
    """Whether what was given on the command line is a PID, and no file."""
    return re.fullmatch(r"\d+", target) is not None


def printable(name):
    """A name as one line, which does nothing to a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def exists(pid):
    """Whether there is such a process, and it has not ended."""
    return re.search(r"^State:\s+[^ZX\s]", read(f"/proc/{pid}/status"), re.M) is not None or \
        bool(os.path.exists(f"/proc/{pid}/status") and other_threads(pid))


def other_threads(pid):
    """Threads that live on after the main one has ended."""
    with contextlib.suppress(OSError):
        return [thread for thread in os.listdir(f"/proc/{pid}/task") if thread != str(pid)]
    return []


def numbers(pid):
    """All its numbers: in a container it has others."""
    match = re.search(r"^NSpid:\s*(.*)$", read(f"/proc/{pid}/status"), re.M)
    return {int(pid), *(map(int, match[1].split()) if match else ())}


def name(pid):
    return printable(read(f"/proc/{pid}/comm")[:-1])


def threads(pid):
    """{number in the process's own view: (name, seconds of processor time)}"""
    found = {}
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            status = read(f"/proc/{pid}/task/{thread}/status")
            match = re.search(r"^NSpid:\s*(.*)$", status, re.M)
            number = int(match[1].split()[-1]) if match else int(thread)
            called = re.search(r"^Name:[ \t]*(.*)$", status, re.M)
            fields = read(f"/proc/{pid}/task/{thread}/stat").rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0
            found[number] = (printable(called[1]) if called else "?", ticks / TICKS)
    return found


def has_housekeeper(pid):
    """Whether one of its threads has the name of Freehold's housekeeper."""
    with contextlib.suppress(OSError):
        return any(read(f"/proc/{pid}/task/{thread}/comm") == "freehold\n" for thread in other_threads(pid))
    return False


def has_library(pid):
    return LIBRARY in read(f"/proc/{pid}/maps")


def memory(pid):
    """Bytes by smaps_rollup: resident, proportional, anonymous, in huge pages, swapped. Empty if it cannot be had."""
    text = read(f"/proc/{pid}/smaps_rollup")
    found = {}
    for key, field in (("resident", "Rss"), ("proportional", "Pss"), ("anonymous", "Anonymous"),
                       ("huge_pages", "AnonHugePages"), ("swap", "Swap")):
        match = re.search(rf"^{field}:\s*(\d+) kB", text, re.M)
        if match:
            found[key] = int(match[1]) * 1024
    return found


def faults(pid):
    """(minor, major) so far."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[7]), int(fields[9])) if len(fields) > 9 else (0, 0)


def huge_pages():
    """What the kernel does by itself: always, madvise or never."""
    match = re.search(r"\[(\w+)\]", read("/sys/kernel/mm/transparent_hugepage/enabled"))
    return match[1] if match else "unknown"


def all_processes():
    return sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())
