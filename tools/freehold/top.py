# SPDX-License-Identifier: MIT
"""`top`: the account of a process, live in a terminal."""
import contextlib
import curses
import json
import locale
import os
import sys
import time

import amount
import causes
import page
import process
import processes
import snapshot
import table
from failure import NO_PROCESS, USAGE, Failure

DESCRIPTION = """Shows the memory of process PID by cause, its size classes and arenas, and what its threads and the
housekeeper do, anew each second. Without PID: of the only process that has a live page."""
EPILOG = "keys: c classes, a arenas, s sort by the next column, r the other way, p purge, space look now, q quit."
BAR = 20
TITLE, HEAD, PLAIN, FAINT = range(4)  # styles of a line


def arguments(parser):
    parser.add_argument("pid", nargs="?", type=int, metavar="PID", help="the process")
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="between two looks; 1")
    parser.add_argument("--once", action="store_true", help="print what a large screen would show, and end")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each look, without end")
    parser.add_argument("--count", type=int, metavar="N", help="with --json: so many looks")


class Columns:
    """A table that can be sorted: title, what sorts, how it is shown."""

    def __init__(self, heads, rows):
        self.heads, self.rows = heads, rows


def class_columns(look):
    return Columns(["class", "resident", "slabs", "used", "free in slabs", "cached", "no owner"],
                   [((row["block_size"], row["resident"], row["slabs"], causes.fullness(row), causes.free_of_class(row),
                      row["cached"] * row["block_size"], row["orphan_slabs"]),
                     (f"{row['block_size']} B", amount.text(row["resident"]), amount.number(row["slabs"]),
                      f"{100 * causes.fullness(row):.0f} %", amount.text(causes.free_of_class(row)),
                      amount.text(row["cached"] * row["block_size"]), amount.number(row["orphan_slabs"])))
                    for row in look["classes"]])


def arena_columns(look):
    names = ("owned", "owned_free", "cached", "kept_runs", "outbox", "remote_frees", "refills")
    return Columns(["arena", "slabs", "free there", "cached", "runs", "outbox", "remote frees", "refills"],
                   [((causes.arena_name(row), *(row[name] for name in names)),
                     (causes.arena_name(row), *(amount.text(row[name]) for name in names[:5]),
                      amount.number(row["remote_frees"]), amount.number(row["refills"]))) for row in look["arenas"]])


class State:
    """What the keys have changed."""

    def __init__(self):
        self.shows = "classes"
        self.column = {"classes": 1, "arenas": 1}
        self.is_reversed = False
        self.message = ""

    def columns(self, look):
        return class_columns(look) if self.shows == "classes" else arena_columns(look)

    def key(self, letter, look):
        """Obeys a key. Returns False for what is no key of this table."""
        if letter in "ca":
            self.shows = {"c": "classes", "a": "arenas"}[letter]
        elif letter == "s":
            self.column[self.shows] = (self.column[self.shows] + 1) % len(self.columns(look).heads)
        elif letter == "r":
            self.is_reversed = not self.is_reversed
        else:
            return False
        self.message = ""
        return True


def rate(before, after, name, seconds):
    return max(0, after["counters"].get(name, 0) - before["counters"].get(name, 0)) / seconds


def activity(before, after):
    """What goes on, from one look to the next."""
    seconds = (after["page"]["written_ns"] - before["page"]["written_ns"]) / 1e9 if before else 0
    if seconds <= 0:
        return "a second's rates follow"
    faults = max(0, after["process"].get("minor_faults", 0) - before["process"].get("minor_faults", 0)) / seconds
    return (f"per second: {rate(before, after, 'refills', seconds):,.0f} refills, "
            f"{rate(before, after, 'remote_frees', seconds):,.0f} remote frees in "
            f"{rate(before, after, 'pushes', seconds):,.0f} batches, {faults:,.0f} faults")


def housekeeping(before, after):
    heap = after["page"]
    words = f"decay {heap['decay_ms']:,} ms" if heap["has_housekeeper"] else "no housekeeper"
    seconds = (heap["written_ns"] - before["page"]["written_ns"]) / 1e9 if before else 0
    if seconds > 0:
        words += f", {amount.text(rate(before, after, 'purged_bytes', seconds))} purged a second"
    counters = after["counters"]
    return (f"{'housekeeper: ' if heap['has_housekeeper'] else ''}{words}; {counters.get('grace_periods', 0):,} grace "
            f"periods, {amount.text(counters.get('limbo_bytes', 0))} in limbo")


def frame(before, after, state, height):
    """The screen's lines, each (text, style)."""
    stats = after["stats"]
    age = after["page"]["age_seconds"]
    name = after["process"].get("name", "")
    yield (f"freehold top: process {after['process_id']} ({name}), {amount.text(after['process'].get('resident', 0))} "
           f"resident, {amount.text(stats['resident'])} by the allocator, {amount.text(stats['live'])} live"
           + (f"; {age:.0f} s ago" if age >= 3 else ""), TITLE)
    yield activity(before, after), PLAIN
    yield housekeeping(before, after), PLAIN
    yield "", PLAIN
    count = 4
    for cause, size in causes.largest(stats):
        change = size - before["stats"][cause] if before else 0
        bar = "#" * round(BAR * size / max(1, stats["resident"]))
        yield (f"  {cause:16}{amount.text(size):>10}{100 * size / max(1, stats['resident']):6.1f} % "
               f"{amount.change(change) if change else '':>11}  {bar:{BAR}}  {causes.CAUSES[cause]}"), PLAIN
        count += 1
    yield "", PLAIN
    yield from rows(after, state, height - count - 2)


def rows(look, state, most):
    """The table, as the keys have it, in MOST lines."""
    columns = state.columns(look)
    by = state.column[state.shows]
    down = (by != 0) != state.is_reversed  # names from the first, figures from the largest
    sorted_rows = sorted(columns.rows, key=lambda row: row[0][by], reverse=down)
    heads = [f"{head}{'v' if down else '^'}" if place == by else head for place, head in enumerate(columns.heads)]
    lines = list(table.lines(heads, [shown for _, shown in sorted_rows[:max(0, most - 1)]]))
    for place, line in enumerate(lines):
        yield line, HEAD if place == 0 else PLAIN


def look_at(live, pid):
    if not process.exists(pid):
        raise Failure(f"process {pid} has ended", NO_PROCESS)
    return snapshot.of_view(live.fresh(), pid)


class Screen:
    def __init__(self, window, live, pid, interval):
        self.window, self.live, self.pid, self.interval = window, live, pid, interval
        self.state = State()
        self.before, self.after = None, look_at(live, pid)
        self.styles = [curses.A_BOLD, curses.A_REVERSE, curses.A_NORMAL, curses.A_DIM]
        with contextlib.suppress(curses.error):
            curses.curs_set(0)
        with contextlib.suppress(curses.error):
            curses.use_default_colors()

    def put(self, line, words, style):
        height, width = self.window.getmaxyx()
        if line < height and width > 1:
            with contextlib.suppress(curses.error):
                self.window.addnstr(line, 0, words.ljust(width - 1) if style == HEAD else words, width - 1,
                                    self.styles[style])

    def draw(self):
        height, _ = self.window.getmaxyx()
        self.window.erase()
        for number, (words, style) in enumerate(frame(self.before, self.after, self.state, height - 1)):
            if number < height - 1:
                self.put(number, words, style)
        self.put(height - 1, self.state.message or EPILOG, FAINT if not self.state.message else TITLE)
        self.window.refresh()

    def look(self):
        latest = look_at(self.live, self.pid)
        if latest["page"]["sequence"] != self.after["page"]["sequence"]:
            self.before, self.after = self.after, latest

    def purge(self):
        self.state.message = "purging"
        self.draw()
        before = process.memory(self.pid).get("resident", 0)
        try:
            if self.live.purge():
                after = process.memory(self.pid).get("resident", 0)
                self.state.message = f"purged: resident memory changed by {amount.change(after - before)}"
            else:
                self.state.message = "no answer: the process has no housekeeper, or is stopped"
        except Failure as failure:
            self.state.message = str(failure)

    def run(self):
        due = time.monotonic() + self.interval
        while True:
            self.draw()
            self.window.timeout(max(1, int((due - time.monotonic()) * 1000)))
            key = self.window.getch()
            letter = chr(key) if 0 < key < 128 else ""
            if letter == "q" or key == 27:
                return 0
            if letter == "p":
                self.purge()
            elif letter and self.state.key(letter, self.after):
                continue
            if letter == " " or time.monotonic() >= due:
                self.look()
                due = time.monotonic() + self.interval


def stream(live, pid, given):
    turn = 0
    while given.count is None or turn < given.count:
        if turn:
            time.sleep(given.interval)
        print(json.dumps(look_at(live, pid)), flush=True)
        turn += 1
    return 0


def main(given):
    if not 0 < given.interval <= 86400:
        raise Failure("--interval: more than 0, to 86400", USAGE)
    pid = given.pid if given.pid is not None else processes.only()
    with page.open_process(pid) as live:
        if given.json:
            return stream(live, pid, given)
        if given.once:
            before = look_at(live, pid)
            time.sleep(given.interval)
            print("\n".join(words.rstrip() for words, _ in frame(before, look_at(live, pid), State(), 1000)))
            return 0
        if not (sys.stdout.isatty() and sys.stdin.isatty()):
            raise Failure("top wants a terminal; without one: --once, or --json", USAGE)
        os.environ.setdefault("ESCDELAY", "25")
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, "")
        try:
            return curses.wrapper(lambda window: Screen(window, live, pid, given.interval).run())
        except curses.error as error:
            raise Failure(f"the terminal '{os.environ.get('TERM', '')}' cannot show this: {error}") from error
