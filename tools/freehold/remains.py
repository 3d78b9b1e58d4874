# SPDX-License-Identifier: MIT
"""What lived when a command ended, by the heap profile that the library wrote then."""
import fcntl
import os
import sys

import amount
import colour
import dump
import heapprofile
import process
import sites
from failure import Failure

USUAL = "512K"
HIGH_FILE = 900  # where programs do not expect a descriptor, and below the limit that most have
SITES_MOST = 5
CALLERS_MOST = 6
JSON_MOST = 100


class File:
    """Open for the command and all that it starts: each process appends its dump when it exits."""

    def __init__(self, path):
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self.descriptor = os.open(path, flags, 0o666) if path else os.memfd_create("freehold-dumps")
        if not path:
            fcntl.fcntl(self.descriptor, fcntl.F_SETFL, os.O_APPEND)

    def variables(self):
        """Tell the library where it is. What is given on has a number of its own, and lives on in the command."""
        try:
            number = fcntl.fcntl(self.descriptor, fcntl.F_DUPFD, HIGH_FILE)
        except OSError:
            number = fcntl.fcntl(self.descriptor, fcntl.F_DUPFD, 3)
        return {"FREEHOLD_PROFILE_FD": str(number)}

    def read(self):
        with open(self.descriptor, encoding="utf-8", errors="backslashreplace", closefd=False) as file:
            file.seek(0)
            return dump.parse(file, self.path or "profile")

    def report(self):
        """For the report, whatever is in the file."""
        try:
            found = self.read()
        except Failure as failure:
            if os.fstat(self.descriptor).st_size == 0:
                failure = "none was written: a process that is killed, or ends by _exit, writes none"
            return {"problem": str(failure)}
        best = heapprofile.largest(found)
        profile = heapprofile.Profile(best)
        return {"file": self.path, "process_id": best.process_id, "name": best.name,
                "processes": len({each.process_id for each in found}), "missed": best.missed,
                **{view: heapprofile.estimate_json(sites.total(profile.rows, view)) for view in ("live", "all")},
                "sites": [{"live": heapprofile.estimate_json(row.live),
                           "frames": [heapprofile.frame_json(*pair) for pair in profile.stack(row)]}
                          for row in sites.largest(profile.rows, "live")[:JSON_MOST]]}


def size(estimate):
    return f"{amount.text(estimate['bytes'])} \u00b1 {amount.text(estimate['error_bytes'])}"


def caller(frame):
    line = f":{frame['line']}" if frame["line"] else ""
    file = f" ({os.path.basename(frame['file'])}{line})" if frame["file"] else ""
    return process.printable(frame["function"] + file)


def sentences(report):
    if "problem" in report:
        yield f"  no profile      {report['problem']}"
        return
    who = f" in process {report['process_id']} ({report['name']})" if report["processes"] > 1 else ""
    live, every = report["live"], report["all"]
    yield f"  live at its end {size(live)} in {amount.counted(live['count'], 'block')}{who}, " \
          f"of {amount.text(every['bytes'])} allocated; {amount.counted(every['samples'], 'sample')}"
    if report["sites"]:
        yield colour.paint("  possible leaks, where most lives:", "bold", sys.stderr)
    for site in report["sites"][:SITES_MOST]:
        yield f"    {size(site['live'])} in {amount.counted(site['live']['count'], 'block')}"
        frames = site["frames"]
        yield from (f"        {caller(frame)}" for frame in frames[:CALLERS_MOST])
        if len(frames) > CALLERS_MOST:
            yield f"        and {amount.counted(len(frames) - CALLERS_MOST, 'more caller')}"
    if report["file"]:
        yield f"  all of it       freehold profile {report['file']}"
