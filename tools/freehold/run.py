# SPDX-License-Identifier: MIT
"""Runs a command on Freehold, and says at its end what it used."""
import argparse
import contextlib
import json
import os
import resource
import signal
import sys
import time

import amount
import causes
import colour
import library
import remains
import watcher
from failure import RUN_DENIED, RUN_FAILED, Failure

DESCRIPTION = """Preloads the library into COMMAND and all that it starts, with the options given, passes its exit
status on, and reports on standard error what it used."""
EPILOG = """exit status: that of COMMAND; 128 and the number of the signal that ended it; 125 if it could not be tried,
126 if it may not be run, 127 if there is none."""


def arguments(parser):
    parser.usage = "freehold run [OPTION...] -- COMMAND [ARGUMENT...]"
    parser.add_argument("--guard", type=int, metavar="LEVEL", help="FREEHOLD_GUARD: 2 checks every call")
    parser.add_argument("--sample", type=int, metavar="N", help="FREEHOLD_SAMPLE: one block in N between guard pages")
    parser.add_argument("--limit", metavar="SIZE", help="FREEHOLD_LIMIT: in MiB, or as 512M or 2G; beyond it, ENOMEM")
    parser.add_argument("--decay", type=int, metavar="MS", help="FREEHOLD_DECAY: how long free memory is kept")
    parser.add_argument("--live", action="store_true",
                        help="FREEHOLD_LIVE: a page that stat, top, map, doctor and export read")
    parser.add_argument("--stats", action="store_true", help="FREEHOLD_STATS: the library prints its counters at the end")
    parser.add_argument("--profile", nargs="?", const=remains.USUAL, metavar="INTERVAL",
                        help="FREEHOLD_PROFILE: a sample in INTERVAL bytes, 512K if it is not given; at the end, what "
                             "lives and who allocated it")
    parser.add_argument("--profile-out", metavar="FILE", help="keep the profile in FILE, for `freehold profile`")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER",
                        help="any other option of freehold(3), as keep_superslabs=0")
    parser.add_argument("--library", metavar="FILE", help="the library, if it is not to be looked for")
    parser.add_argument("--report", metavar="FILE", help="where the report goes, instead of standard error")
    parser.add_argument("--quiet", action="store_true", help="no report")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def size(name, written, unit):
    """The number that an option's variable has for a size."""
    try:
        return str(amount.in_units(written, unit))
    except ValueError as wrong:
        raise Failure(f"--{name}: {wrong}; the command begins after --", RUN_FAILED) from wrong


def variables(given):
    """The environment variables that the options stand for."""
    found = {}
    for name in ("guard", "sample", "decay"):
        value = getattr(given, name)
        if value is not None:
            found[name] = str(value)
    if given.profile_out and not given.profile:
        given.profile = remains.USUAL
    for name, unit in (("limit", "M"), ("profile", "K")):
        value = getattr(given, name)
        if value is not None:
            found[name] = size(name, value, unit)
    for name in ("live", "stats"):
        if getattr(given, name):
            found[name] = "1"
    for assignment in given.set:
        name, equals, value = assignment.partition("=")
        if not equals or not name.isidentifier() or not value.isdigit():
            raise Failure(f"--set {assignment}: NAME=NUMBER is wanted, as keep_superslabs=0", RUN_FAILED)
        found[name.lower()] = value
    return {f"FREEHOLD_{name.upper()}": value for name, value in found.items()}


def start(path, command, environment):
    """The command's process. It has default signals, as if a shell had started it."""
    child = os.fork()
    if child:
        return child
    try:
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execve(path, command, environment)
    except OSError as error:
        print(f"freehold: {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    finally:
        os._exit(RUN_DENIED)


def wait(child):
    """Status and use of the command. The terminal's signals reach it by themselves; what ends this process is passed
    on."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    passed = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    for number in passed:
        signal.signal(number, lambda caught, _: os.kill(child, caught))
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # until it is reaped, its number is nobody else's
    for number in passed:
        signal.signal(number, signal.SIG_IGN)
    _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), usage


def account(command, path, chosen, seconds, status, usage, most, left):
    """What is reported. A process begins with its maker's peak, so one that is no higher says nothing."""
    peak = usage.ru_maxrss * 1024
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"schema": "freehold-run-1", "command": command, "library": path, "options": chosen, "exit_status": status,
            "seconds": round(seconds, 3), "user_seconds": round(usage.ru_utime, 3),
            "system_seconds": round(usage.ru_stime, 3), "peak_resident_bytes": peak,
            "peak_is_bound": peak <= floor, "minor_faults": usage.ru_minflt, "major_faults": usage.ru_majflt,
            **({"largest_account": most} if most else {}), **({"profile": left} if left else {})}


def sentences(report):
    status = report["exit_status"]
    end = f"exit status {status}" if status >= 0 else f"ended by {signal.Signals(-status).name}"
    yield colour.paint(f"freehold: {report['command'][0]}: {end}, after {report['seconds']:.2f} s", "bold", sys.stderr)
    most = "at most " if report["peak_is_bound"] else ""
    yield f"  processor time  {report['user_seconds']:.2f} s user, {report['system_seconds']:.2f} s system"
    yield f"  peak resident   {most}{amount.text(report['peak_resident_bytes'])}"
    yield f"  page faults     {amount.number(report['minor_faults'])}, from disk {amount.number(report['major_faults'])}"
    if "largest_account" in report:
        stats = report["largest_account"]
        parts = ", ".join(f"{name} {amount.text(size)}" for name, size in causes.largest(stats)[:4])
        yield f"  when largest    {amount.text(stats['resident'])} by the allocator: {parts}"
    if "profile" in report:
        yield from remains.sentences(report["profile"])
    chosen = " ".join(f"{name}={value}" for name, value in report["options"].items())
    yield f"  run with        {report['library']}{' ' if chosen else ''}{chosen}"


def tell(report, given):
    if given.quiet:
        return
    text = json.dumps(report) if given.json else "\n".join(sentences(report))
    if given.report:
        with open(given.report, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text, file=sys.stderr)


def main(given):
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    chosen = variables(given)
    if not command:
        raise Failure("run: no command; as in: freehold run -- redis-server", RUN_FAILED)
    preload = library.find(given.library)
    path = library.program(command[0])
    reason = library.why_not(path)
    if reason:
        print(f"freehold: {path} {reason}: the preload does nothing there", file=sys.stderr)
    others = [entry for entry in os.environ.get("LD_PRELOAD", "").split(":") if entry]
    left = remains.File(given.profile_out) if given.profile else None
    environment = {**os.environ, **chosen, **(left.variables() if left else {}), "LD_PRELOAD": ":".join([preload, *others])}
    begin = time.monotonic()
    child = start(path, command, environment)
    watching = watcher.Watcher(child) if given.live and not given.quiet else contextlib.nullcontext()
    with watching:
        status, usage = wait(child)
    seconds = time.monotonic() - begin
    most = watching.most if given.live and not given.quiet else None
    try:
        tell(account(command, preload, chosen, seconds, status, usage, most,
                     left.report() if left and not given.quiet else None), given)
        sys.stderr.flush()
    except OSError as error:  # the command has run, and its status is what counts
        if error.filename:
            print(f"freehold: no report: {error.filename}: {error.strerror}", file=sys.stderr)
        else:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return status if status >= 0 else 128 - status
