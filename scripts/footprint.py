# SPDX-License-Identifier: MIT
"""What a process and all that it has started use: memory by the kernel's count, processor time, page faults."""
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

from bench_run import Failure

TICKS = os.sysconf("SC_CLK_TCK")
INTERVAL_SECONDS = 0.05


def children(pid):
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return found


def tree(pid):
    """PID and all its descendants."""
    return [pid, *(process for child in children(pid) for process in tree(child))]


def proportional_kib(pid):
    """PSS: what is shared counts for each by its share. 0 for a process that has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return int(re.search(r"^Pss:\s*(\d+)", rollup.read(), re.M).group(1))
    return 0


def resident_kib(pid):
    """What PID and all its descendants have in memory; shared pages once."""
    return sum(map(proportional_kib, tree(pid)))


def processor_seconds(pid):
    """What PID and those of its descendants that it has waited for have computed."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


class Peak(threading.Thread):
    """From the start to the end of a `with`: the most that PID and its descendants had in memory at a time."""

    def __init__(self, pid):
        super().__init__()
        self.pid = pid
        self.kib = 0
        self.ended = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def run(self):
        while not self.ended.wait(INTERVAL_SECONDS):
            self.kib = max(self.kib, resident_kib(self.pid))


# To a process that begins, the kernel reckons the peak of the program that it was started from, so that has to be small.
LAUNCHER = """
import os, sys
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)
os.write(int(sys.argv[1]), b"%d %f %d %d %d" % (os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime,
                                                usage.ru_maxrss, usage.ru_minflt, usage.ru_majflt))
"""
MORTAL = ("setpriv", "--pdeathsig", "KILL")  # ends if what has started it does


def run(command, variables, timeout):
    """Runs a command to its end with further environment `variables`. Of several processes the peak is the largest's,
    and all the rest their sum."""
    settings = [f"{name}={value}" for name, value in variables.items()]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        source, sink = os.pipe()
        with open(source, encoding="ascii") as account:
            start = time.monotonic()
            launcher = [*MORTAL, sys.executable, "-I", "-S", "-c", LAUNCHER, str(sink)]
            try:
                subprocess.run([*launcher, *MORTAL, "env", *settings, *command], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=errors, pass_fds=[sink], timeout=timeout, check=True)
            except subprocess.TimeoutExpired as late:
                raise Failure(f"still running after {timeout:.0f} s") from late
            finally:
                os.close(sink)
            seconds = time.monotonic() - start
            status, processor_seconds, *counts = map(float, account.read().split())
        errors.seek(0)
        words = errors.read().strip()
    if status:
        raise Failure(f"exit status {status:.0f}: {(words or 'no output').splitlines()[-1]}")
    if "freehold:" in words:
        raise Failure(words.splitlines()[-1])
    return {"seconds": seconds, "processor_seconds": processor_seconds,
            **dict(zip(("peak_rss_kib", "minor_faults", "major_faults"), map(int, counts)))}
