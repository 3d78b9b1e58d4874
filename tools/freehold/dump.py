# SPDX-License-Identifier: MIT
"""A dump of the heap profile, as the library writes it: text, a record in each line. doc/PROFILE.md has the format."""
import bisect
import math
from typing import NamedTuple

import process
from failure import BAD_INPUT, Failure

FIRST = "freehold-profile"
VERSION = 1


class Estimate(NamedTuple):
    """What blocks sum up to, estimated from samples without bias; variance is that of bytes."""
    count: int = 0
    bytes: int = 0
    samples: int = 0
    variance: float = 0.0

    def __add__(self, other):
        return Estimate(*(mine + theirs for mine, theirs in zip(self, other)))

    def __sub__(self, other):
        """The growth from OTHER to this. Errors of two independent estimates add up."""
        return Estimate(self.count - other.count, self.bytes - other.bytes, self.samples + other.samples,
                        self.variance + other.variance)

    @property
    def error(self):
        """The standard error of bytes."""
        return math.sqrt(self.variance)


class Site(NamedTuple):
    """Where blocks were allocated: frames are return addresses, the innermost first."""
    live: Estimate
    all: Estimate
    frames: tuple


class Map(NamedTuple):
    """A part of a file that was mapped to be run."""
    start: int
    end: int
    offset: int
    path: str


class Dump:
    """One, as read."""

    def __init__(self):
        self.process_id, self.name = 0, ""
        self.time, self.running_ms = 0, 0
        self.interval, self.missed = 0, 0
        self.sites, self.maps = [], []

    def total(self, view):
        """Bytes."""
        return sum(getattr(site, view).bytes for site in self.sites)

    def sort(self):
        self.maps.sort()
        self.starts = [found.start for found in self.maps]

    def map_of(self, address):
        """The map that ADDRESS is in, or None."""
        place = bisect.bisect_right(self.starts, address) - 1
        return self.maps[place] if place >= 0 and address < self.maps[place].end else None


def natural(word):
    """As digits, or as 1.23e+45."""
    value = int(word) if word.isdigit() else int(float(word))
    if value < 0:
        raise ValueError(f"'{word}' is negative")
    return value


def variance(word):
    value = float(word)
    if not 0 <= value < math.inf:
        raise ValueError(f"'{word}' is no variance")
    return value


def take_process(dump, rest):
    number, _, name = rest.partition(" ")
    dump.process_id, dump.name = natural(number), process.printable(name)


def take_time(dump, rest):
    seconds, running = rest.split()
    dump.time, dump.running_ms = natural(seconds), natural(running)


def take_interval(dump, rest):
    dump.interval = natural(rest)


def take_missed(dump, rest):
    dump.missed = natural(rest)


def take_site(dump, rest):
    _, live, live_bytes, every, every_bytes, live_samples, samples, live_variance, all_variance, *frames = rest.split()
    dump.sites.append(Site(
        Estimate(natural(live), natural(live_bytes), natural(live_samples), variance(live_variance)),
        Estimate(natural(every), natural(every_bytes), natural(samples), variance(all_variance)),
        tuple(int(frame, 16) for frame in frames)))


def take_map(dump, rest):
    start, end, _, offset, *path = rest.split(None, 4)
    dump.maps.append(Map(int(start, 16), int(end, 16), int(offset, 16), path[0] if path else ""))


RECORDS = {"process": take_process, "time": take_time, "interval": take_interval, "missed": take_missed,
           "site": take_site, "map": take_map}


def begin(line, who, number):
    word, _, version = line.partition(" ")
    if word != FIRST:
        raise Failure(f"{who}: line {number} begins no heap profile of Freehold: '{process.printable(line[:60])}'",
                      BAD_INPUT)
    if version != str(VERSION):
        raise Failure(f"{who}: a heap profile of version '{process.printable(version[:20])}', and this command reads "
                      f"version {VERSION}: use the one that came with the library", BAD_INPUT)
    return Dump()


def parse(lines, who):
    """All dumps that stand in LINES, one after the other. Records of other kinds are left alone."""
    found, dump, number = [], None, 0
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\n")
        if dump is None:
            dump = begin(line, who, number)
        elif line == "end":
            dump.sort()
            found.append(dump)
            dump = None
        else:
            kind, _, rest = line.partition(" ")
            try:
                RECORDS.get(kind, lambda *_: None)(dump, rest)
            except (ValueError, OverflowError) as error:
                raise Failure(f"{who}: line {number} is no record of a heap profile: "
                              f"'{process.printable(line[:60])}'", BAD_INPUT) from error
    if dump is not None:
        raise Failure(f"{who}: the heap profile is cut off after line {number}: it has no 'end'", BAD_INPUT)
    if not found:
        raise Failure(f"{who}: no heap profile: it is empty", BAD_INPUT)
    return found


def read(path):
    with open(path, encoding="utf-8", errors="backslashreplace") as file:
        return parse(file, path)
