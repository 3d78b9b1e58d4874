# SPDX-License-Identifier: MIT
"""The live page of a process, as include/freehold_live.h has it: found, and read without stopping anybody."""
import contextlib
import os
import struct
import time

import process
from failure import BAD_PAGE, NO_PAGE, NO_PERMISSION, NO_PROCESS, Failure

NAME = "/memfd:freehold-live (deleted)"
MAGIC = b"FREEHOLD"
VERSION = 1
PATIENCE_SECONDS = 2.0  # for a page that is being written, or not written yet
ASK_SECONDS = 3.0       # for one that is to be written anew
ORDER_SECONDS = 10.0    # for what the process is to do first
CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q"}


class Layout:
    """A struct of the header: TYPE NAME...; and so on. No field needs padding before it."""

    def __init__(self, text):
        fields = [(name, kind) for part in text.split(";") for kind, *names in [part.split()] for name in names]
        self.fields = dict(fields)
        self.names = [name for name, _ in fields]
        self.form = struct.Struct("<" + "".join(CODES.get(kind, kind) for _, kind in fields))
        self.size = self.form.size

    def offset(self, name):
        kinds = [CODES.get(self.fields[other], self.fields[other]) for other in self.names[:self.names.index(name)]]
        return struct.calcsize("<" + "".join(kinds))

    def take(self, record):
        """The fields of a RECORD, which may be longer (of a later page) or shorter (then the rest is 0)."""
        return dict(zip(self.names, self.form.unpack(record[:self.size].ljust(self.size, b"\0"))))


ACCOUNT = ("counters", "stats", "classes", "arenas")
TABLES = (*ACCOUNT, "regions", "huge", "superslabs")
TABLE = Layout("u64 offset; u32 record count; u64 total")
HEADER = Layout("8s magic; u32 version header; u64 length sequence written_ns took_ns period_ms; "
                "u32 process_id has_housekeeper wanted purge_wanted purge_done page_bytes; "
                "u64 unit_bytes granule_bytes decay_ms limit_bytes guard; "
                + "; ".join(f"{TABLE.size}s {name}" for name in TABLES)
                + "; u32 profile_wanted profile_kib profile_done dump_wanted dump_done dump_error")
COUNTERS = Layout("u64 refills remote_frees pushes posts drains claims adoptions orphans slabs_taken slabs_freed "
                  "arenas_made arenas_started superslabs_made retirements unmappings grace_periods limbo_bytes "
                  "purged_bytes superslab_bytes huge_bytes kept_bytes large_bytes used_bytes calls_denied")
STATS = Layout("u64 resident live rounding cached in_flight partly_used free_units kept quarantine samples metadata "
               "huge_page_swell allocated purged reserved superslabs regions arenas arenas_running orphan_slabs "
               "large_blocks large_bytes huge_blocks huge_bytes")
CLASS = Layout("u32 block_size slabs; u64 slab_bytes blocks used cached in_flight resident orphan_slabs")
ARENA = Layout("u32 thread_id state; u64 owned owned_free cached kept_runs outbox slabs refills remote_frees drains "
               "claims adoptions")
REGION = Layout("u64 address; u32 first granules_count; 512s granules")
HUGE = Layout("u64 address length resident is_kept")
SUPERSLAB = Layout("u64 address reserved; 384s units")
UNIT = struct.Struct("<4BH")  # kind, class, fullness, resident, owner
GRANULE = struct.Struct("<2B")  # kind, resident
LAYOUTS = {"counters": COUNTERS, "stats": STATS, "classes": CLASS, "arenas": ARENA, "regions": REGION, "huge": HUGE,
           "superslabs": SUPERSLAB}
# The causes, whose sum is resident.
CAUSES = ("live", "rounding", "cached", "in_flight", "partly_used", "free_units", "kept", "quarantine", "samples",
          "metadata", "huge_page_swell")
ARENA_STATES = ("running", "exited", "frozen", "late")
UNIT_NONE, UNIT_CLEAN, UNIT_DIRTY, UNIT_SLAB, UNIT_RUN, UNIT_KEPT_RUN = range(6)
UNIT_FIRST = 0x80
OWNER_UNKNOWN = 65535
GRANULE_NONE, GRANULE_CLEAN, GRANULE_DIRTY, GRANULE_LIMBO, GRANULE_SUPERSLAB, GRANULE_HUGE = range(6)


class Torn(Exception):
    """The page was written meanwhile."""


class View:
    """What one consistent reading gave: the header's fields, and the tables as lists of dicts. Those that were not
    asked for are empty."""

    def __init__(self, header, tables):
        tables = {**dict.fromkeys(TABLES, []), **tables}
        self.header = header
        self.counters = tables["counters"][0] if tables["counters"] else COUNTERS.take(b"")
        self.stats = tables["stats"][0] if tables["stats"] else STATS.take(b"")
        self.classes = tables["classes"]
        self.arenas = tables["arenas"]
        self.regions = tables["regions"]
        self.huge = tables["huge"]
        self.superslabs = tables["superslabs"]

    def age(self):
        """Seconds since it was written."""
        return max(0.0, (time.monotonic_ns() - self.header["written_ns"]) / 1e9)


def table_of(header, name, length):
    """Where a table is, if it is within LENGTH bytes."""
    table = TABLE.take(header[name])
    end = table["offset"] + table["record"] * table["count"]
    if table["count"] and (table["record"] == 0 or table["offset"] < header["header"] or end > length):
        raise Failure(f"the page is broken: its table of {name} does not fit it", BAD_PAGE)
    return table


class Page:
    """An open page. `who` is what messages call it, `pid` its process, if that is known."""

    def __init__(self, descriptor, who, may_ask, pid=None):
        self.descriptor = descriptor
        self.who = who
        self.may_ask = may_ask
        self.pid = pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)

    def header(self):
        header = HEADER.take(os.pread(self.descriptor, HEADER.size, 0))
        if header["magic"] != MAGIC:
            raise Failure(f"{self.who}: this is no live page of Freehold", BAD_PAGE)
        if header["version"] != VERSION:
            raise Failure(f"{self.who}: the page has version {header['version']}, and this command reads version "
                          f"{VERSION}: use the one that came with the library", BAD_PAGE)
        return header

    def attempt(self, names):
        """A View, or Torn."""
        before = self.sequence()  # alone, and first: the kernel may copy a header in any order
        header = self.header()
        if before == 0 or before % 2:
            raise Torn
        length = os.fstat(self.descriptor).st_size
        tables = {}
        try:
            for name in names:
                table = table_of(header, name, length)
                size = table["record"]
                rows = os.pread(self.descriptor, size * table["count"], table["offset"])
                layout = LAYOUTS[name]
                tables[name] = [layout.take(rows[place:place + size]) for place in range(0, len(rows), size or 1)]
        except Failure:
            if self.sequence() != before:
                raise Torn from None
            raise
        if self.sequence() != before:
            raise Torn
        return View(header, tables)

    def sequence(self):
        return struct.unpack("<Q", os.pread(self.descriptor, 8, HEADER.offset("sequence")).ljust(8, b"\0"))[0]

    def read(self, patience=PATIENCE_SECONDS, names=ACCOUNT):
        """What the page says in the tables of these NAMES; waits while it is written."""
        deadline = time.monotonic() + patience
        pause = 0.001
        while True:
            with contextlib.suppress(Torn):
                return self.attempt(names)
            if time.monotonic() > deadline:
                raise Failure(f"{self.who}: {self.why_torn()}", BAD_PAGE)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def why_torn(self):
        if self.sequence() == 0:
            return "the page has not been written yet; a process without a housekeeper does it when it allocates"
        if self.sequence() % 2:
            return "the page is not finished: is the process stopped?"
        return "the page changes faster than it can be read"

    def bump(self, name):
        """Adds 1 to a word by which readers ask. Returns its new value, or None if this page may not be written."""
        if not self.may_ask:
            return None
        value = (self.header()[name] + 1) % (1 << 32)
        os.pwrite(self.descriptor, struct.pack("<I", value), HEADER.offset(name))
        return value

    def is_kept(self, header):
        """Whether somebody writes it by himself. A page that is old may have been written before he was there."""
        return header["has_housekeeper"] or (self.pid is not None and process.has_housekeeper(self.pid))

    def fresh(self, patience=ASK_SECONDS, names=ACCOUNT):
        """As read, after asking for a new writing, if there is somebody who does it by itself."""
        asked = time.monotonic_ns()
        view = self.read(names=names)
        if self.bump("wanted") is None or not self.is_kept(view.header):
            return view
        deadline = time.monotonic() + patience
        while view.header["written_ns"] < asked and time.monotonic() < deadline:
            time.sleep(0.02)
            view = self.read(names=names)
        return view

    def wait_for(self, name, value, patience):
        """Whether the process says in time that it has done what it was asked for."""
        deadline = time.monotonic() + patience
        while (self.header()[name] - value) % (1 << 32) >= 1 << 31:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def order(self, what, patience=ORDER_SECONDS, **words):
        """Sets WORDS, and asks for WHAT, which is to be done when this returns."""
        if self.header()["header"] < HEADER.size:
            raise Failure(f"{self.who}: its library is older than this command, and has no heap profile", NO_PAGE)
        if not self.may_ask:
            raise Failure(f"{self.who}: the page may not be written, so nothing can be asked for", NO_PERMISSION)
        for name, value in words.items():
            os.pwrite(self.descriptor, struct.pack("<I", value), HEADER.offset(name))
        if not self.wait_for(f"{what}_done", self.bump(f"{what}_wanted"), patience):
            raise Failure(f"{self.who}: no answer: it has no housekeeper, as it never made a thread, or is stopped")

    def purge(self, patience=ASK_SECONDS):
        """Asks the process to give back all that is free. Returns whether it says that it has."""
        value = self.bump("purge_wanted")
        if value is None:
            raise Failure(f"{self.who}: the page may not be written, so nothing can be asked for", NO_PERMISSION)
        return self.wait_for("purge_done", value, patience)


def descriptors(pid, called=NAME):
    """The paths in /proc of what may be its page, or what else is CALLED so. Of a process whose main thread has ended only those of the others."""
    folders = [f"/proc/{pid}/fd"]
    with contextlib.suppress(OSError):
        folders += [f"/proc/{pid}/task/{thread}/fd" for thread in os.listdir(f"/proc/{pid}/task") if thread != str(pid)]
    denied = None
    for folder in folders:
        try:
            names = sorted(os.listdir(folder), key=int)
        except OSError as error:
            denied = denied or error
            continue
        found = []
        for name in names:
            with contextlib.suppress(OSError):
                if os.readlink(f"{folder}/{name}") == called:
                    found.append(f"{folder}/{name}")
        if found:
            return found
        if names:
            denied = None
    if isinstance(denied, PermissionError):
        raise Failure(f"process {pid}: you may not look at it; its user and root may", NO_PERMISSION)
    return []


def mappings(pid):
    """The same of a page whose descriptor the program has closed."""
    lines = process.read(f"/proc/{pid}/maps").splitlines()
    return [f"/proc/{pid}/map_files/{line.split()[0]}" for line in lines if line.endswith(f" {NAME}")]


def open_path(path, who, pid):
    for flags, may_ask in ((os.O_RDWR, True), (os.O_RDONLY, False)):
        try:
            return Page(os.open(path, flags | os.O_CLOEXEC), who, may_ask, pid)
        except PermissionError:
            continue
    if "/map_files/" in path:
        raise Failure(f"{who}: the program has closed the descriptor of its live page. A slow path of its own malloc or "
                      "free opens another one; until then root alone can look at the page", NO_PAGE)
    raise Failure(f"{who}: you may not read its page", NO_PERMISSION)


def open_process(pid):
    """The page of process PID."""
    who = f"process {pid}"
    if not process.exists(pid):
        raise Failure(f"there is no process {pid}", NO_PROCESS)
    own = process.numbers(pid)
    strangers = []
    for path in descriptors(pid) or mappings(pid):
        try:
            page = open_path(path, who, pid)
        except FileNotFoundError:
            continue
        number = page.header()["process_id"]
        if number in own or number == 0:
            return page
        strangers.append(number)
        os.close(page.descriptor)
    if not process.exists(pid):
        raise Failure(f"process {pid} has ended", NO_PROCESS)
    if strangers:
        raise Failure(f"{who}: it has the page of process {strangers[0]}, which it was forked from, and none of its own",
                      NO_PAGE)
    if process.has_library(pid):
        raise Failure(f"{who}: it runs on Freehold, but without a live page: start it with FREEHOLD_LIVE=1, "
                      f"as `freehold run --live` does", NO_PAGE)
    raise Failure(f"{who}: it does not run on Freehold: start it by `freehold run --live`", NO_PAGE)


def open_target(target):
    """The page of a process, by its number, or one that was copied to a file."""
    if process.is_number(target):
        return open_process(int(target))
    return Page(os.open(target, os.O_RDONLY | os.O_CLOEXEC), target, False)
