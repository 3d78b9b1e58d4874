# SPDX-License-Identifier: MIT
"""`profile`: who allocated what lives, by samples."""
import json
import sys

import amount
import colour
import dump
import pprof
import process
import request
import sites
import symbols
import table
from failure import BAD_INPUT, USAGE, Failure

DESCRIPTION = """Reads a heap profile: which functions allocated what lives, or with --all everything that was allocated. Figures
are estimates from samples; what stands behind \u00b1 is the standard error: two cases in three are within it, 95 in 100
within twice as much."""
EPILOG = """examples: freehold profile 4711; freehold profile --diff before after; freehold profile --folded
heap.profile | freehold flame >heap.svg; freehold profile --pprof heap.pb.gz heap.profile && pprof -top heap.pb.gz"""
STACK_MOST = 12
NAME_MOST = 100


def arguments(parser):
    parser.add_argument("source", metavar="DUMP", help="a file that the library wrote, or the PID of a process with a live "
                                                       "page, which is asked")
    parser.add_argument("--set", metavar="INTERVAL", help="have process PID sample a block in so many bytes from now on, "
                                                          "such as 512K; 0 ends it")
    parser.add_argument("--save", metavar="FILE", help="keep the dump of process PID")
    parser.add_argument("--diff", metavar="OLD", help="what grew since this earlier dump")
    parser.add_argument("--all", action="store_true", help="all that was allocated, not only what lives")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="how many functions and sites; 10")
    parser.add_argument("--process", type=int, metavar="PID", help="which one, if the file has dumps of several")
    parser.add_argument("--folded", action="store_true", help="folded stacks, for `freehold flame`")
    parser.add_argument("--count", action="store_true", help="with --folded: count blocks, not bytes")
    parser.add_argument("--pprof", metavar="OUT", help="write this file, for pprof")
    parser.add_argument("--no-lines", action="store_true", help="functions only, without files and lines: faster")
    parser.add_argument("--no-symbols", action="store_true", help="addresses only: pprof looks for names itself")
    parser.add_argument("--json", action="store_true", help="all functions and sites as JSON")


def largest(found):
    """Of dumps of several processes, the last one of that which has most."""
    latest = {each.process_id: each for each in found}
    return max(latest.values(), key=lambda each: each.total("live"))


def choose(found, who, wanted):
    """One of several dumps: of the process wanted, or else the largest."""
    if wanted is not None:
        found = [each for each in found if each.process_id == wanted]
        if not found:
            raise Failure(f"{who}: it has no dump of process {wanted}", BAD_INPUT)
        return found[-1]
    best = largest(found)
    names = {each.process_id: each.name for each in found}
    if len(names) > 1:
        words = ", ".join(f"{pid} ({name})" for pid, name in names.items())
        print(f"freehold: {who}: dumps of several processes, {words}: this is {best.process_id}; --process says another",
              file=sys.stderr)
    return best


class Profile:
    """What is shown: the rows of a dump, or their growth since an earlier one."""

    def __init__(self, now, before=None, names=True, lines=True, root=""):
        self.dump = now
        self.before = before
        self.symbols = symbols.Symbols(root, names, lines)
        self.symbols.learn(now)
        self.rows = sites.rows(now, self.symbols)
        if before:
            self.symbols.learn(before)
            self.rows = sites.growth(sites.rows(before, self.symbols), self.rows, sites.is_same_process(before, now))

    def functions(self, view):
        return sites.functions(self.rows, view, self.symbols)

    def stack(self, row):
        return sites.stack(row, self.symbols)


def seconds_between(profile):
    return profile.dump.time - profile.before.time if profile.before else profile.dump.running_ms / 1000


def estimate_json(estimate):
    return {"bytes": estimate.bytes, "count": estimate.count, "samples": estimate.samples,
            "error_bytes": round(estimate.error)}


def frame_json(frame, point):
    return {"function": frame.function, "file": frame.file, "line": frame.line, "module": point.path,
            "offset": point.offset}


def as_json(profile):
    now = profile.dump
    return {
        "schema": "freehold-profile-diff-1" if profile.before else "freehold-profile-1",
        "process_id": now.process_id, "name": now.name, "time": now.time, "seconds": seconds_between(profile),
        "interval_bytes": now.interval, "missed": now.missed,
        **{view: estimate_json(sites.total(profile.rows, view)) for view in ("live", "all")},
        "functions": {view: [{"function": each.name, "file": each.where, "own": estimate_json(each.own),
                              "whole": estimate_json(each.whole)} for each in profile.functions(view)]
                      for view in ("live", "all")},
        "sites": [{"live": estimate_json(row.live), "all": estimate_json(row.all),
                   "frames": [frame_json(*pair) for pair in profile.stack(row)]}
                  for row in sites.largest(profile.rows, "live") + [
                      row for row in sites.largest(profile.rows, "all") if not (row.live.bytes or row.live.samples)]],
    }


def cut(name):
    name = process.printable(name)
    return name if len(name) <= NAME_MOST else name[:NAME_MOST - 1] + "\u2026"


def function_lines(profile, view, most):
    whole = sites.total(profile.rows, view).bytes
    say = amount.change if profile.before else amount.text
    found = profile.functions(view)
    cells = [[say(each.own.bytes), f"\u00b1 {amount.text(each.own.error)}",
              f"{100 * each.own.bytes / whole:.1f} %" if whole > 0 and not profile.before else "",
              say(each.whole.bytes), f"\u00b1 {amount.text(each.whole.error)}"] for each in found[:most]]
    heads = ["by itself", "", "", "with callees", ""]
    names = ["function"] + [cut(each.name) + (f" ({each.where})" if each.where else "") for each in found[:most]]
    yield from (f"{line.ljust(44)}  {name}" for line, name in zip(table.lines(heads, cells, 0), names))
    if len(found) > most:
        yield f"  and {len(found) - most} more: --top, --json"


def place_of(frame, point):
    return f" ({frame.place or point.path.rpartition('/')[2]})" if frame.place or point.path else ""


def site_lines(profile, view, most):
    found = sites.largest(profile.rows, view)
    if profile.before:
        found = [row for row in found if getattr(row, view).bytes > 0]
    for row in found[:most]:
        estimate = getattr(row, view)
        yield (f"  {sites.with_error(estimate)} in {amount.counted(estimate.count, 'block')}, "
               f"by {amount.counted(estimate.samples, 'sample')}")
        frames = profile.stack(row)
        yield from (f"      {cut(frame.function)}{place_of(frame, point)}" for frame, point in frames[:STACK_MOST])
        if len(frames) > STACK_MOST:
            yield f"      and {amount.counted(len(frames) - STACK_MOST, 'more caller')}"
    if len(found) > most:
        yield f"  and {len(found) - most} more: --top, --json"


def head(profile, view):
    now, sum_ = profile.dump, sites.total(profile.rows, view)
    what = {"live": "live", "all": "allocated"}[view]
    if profile.before:
        return f"process {now.process_id} ({now.name}), in {seconds_between(profile):.0f} s: {what} " \
               f"{amount.change(sum_.bytes)} \u00b1 {amount.text(sum_.error)}"
    return f"process {now.process_id} ({now.name}), in {seconds_between(profile):.1f} s: {what} " \
           f"{sites.with_error(sum_)} in {amount.counted(sum_.count, 'block')}"


def lines(profile, view, most):
    yield colour.paint(head(profile, view), "bold")
    yield f"  by {amount.counted(sites.total(profile.rows, view).samples, 'sample')}, one in " \
          f"{amount.text(profile.dump.interval)}"
    if profile.dump.missed:
        yield f"  {amount.counted(profile.dump.missed, 'sample')} could not be kept, so it is more"
    if not sites.largest(profile.rows, view):
        was_on = profile.dump.running_ms or profile.dump.interval
        yield "  nothing has changed" if profile.before else "  nothing was sampled" + (
            "" if was_on else ": the profile was never on; see --set")
        return
    for heading, found in (("Functions", function_lines), ("Sites", site_lines)):
        yield ""
        yield colour.paint(heading, "bold")
        yield from found(profile, view, most)


def ask(pid, path):
    """The dump of a process that runs; PATH is where it is to be kept, if anywhere."""
    text = request.take(pid)
    if path:
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    return dump.parse(text.splitlines(), f"process {pid}")[-1]


def get(given):
    root = ""
    if process.is_number(given.source):
        now = ask(int(given.source), given.save)
        root = f"/proc/{given.source}/root"  # its files, if it is in a container
    else:
        now = choose(dump.read(given.source), given.source, given.process)
    before = choose(dump.read(given.diff), given.diff, given.process) if given.diff else None
    return Profile(now, before, not given.no_symbols, not (given.no_lines or given.no_symbols), root)


def switch(given):
    kibibytes = request.switch(int(given.source), given.set)
    if given.json:
        print(json.dumps({"schema": "freehold-profile-set-1", "process_id": int(given.source),
                          "interval_bytes": kibibytes << 10}))
    else:
        print(f"process {given.source}: " + (f"one sample in {amount.text(kibibytes << 10)}" if kibibytes else
                                              "no more samples; what was sampled is known until it is freed"))
    return 0


def main(given):
    if given.top < 1:
        raise Failure("--top: 1 at least", USAGE)
    for name in ("set", "save"):
        if getattr(given, name) and not process.is_number(given.source):
            raise Failure(f"--{name}: a PID is wanted, not '{given.source}'", USAGE)
    if given.set:
        return switch(given)
    profile = get(given)
    view = "all" if given.all else "live"
    if given.pprof:
        pprof.write(given.pprof, profile.rows, profile.dump, profile.symbols)
    elif given.folded:
        stacks = sites.folded(profile.rows, view, profile.symbols, "count" if given.count else "bytes")
        if stacks:
            print("\n".join(stacks))
    elif given.json:
        print(json.dumps(as_json(profile)))
    else:
        print("\n".join(lines(profile, view, given.top)))
    return 0
