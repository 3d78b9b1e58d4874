# SPDX-License-Identifier: MIT
"""A heap profile as pprof reads it: profile.proto of github.com/google/pprof, compressed by gzip."""
import gzip

from protobuf import content, number, numbers

# Fields of its messages.
PROFILE = {"sample_type": 1, "sample": 2, "mapping": 3, "location": 4, "function": 5, "string_table": 6,
           "time_nanos": 9, "duration_nanos": 10, "period_type": 11, "period": 12, "comment": 13,
           "default_sample_type": 14}
SAMPLE_TYPES = (("inuse_objects", "count"), ("inuse_space", "bytes"), ("alloc_objects", "count"),
                ("alloc_space", "bytes"))
DEFAULT = "inuse_space"


class Table:
    """Things by the number that they are first asked for with."""

    def __init__(self, first):
        self.first = first
        self.numbers = {}

    def __getitem__(self, thing):
        return self.numbers.setdefault(thing, len(self.numbers) + self.first)

    def __iter__(self):
        return iter(list(self.numbers.items()))


class Writer:
    """Of one profile. ROWS are the sites, DUMP what else is said, SYMBOLS what addresses stand for."""

    def __init__(self, rows, dump, symbols):
        self.rows, self.dump, self.symbols = rows, dump, symbols
        self.strings, self.functions, self.locations = Table(0), Table(1), Table(1)
        self.strings[""]  # is number 0
        self.by_path = {}
        for place, found in enumerate(dump.maps, 1):
            self.by_path.setdefault(found.path, []).append((place, found))

    def mapped(self, point):
        """The number of the map that POINT is in, or 0, and its address there."""
        for place, found in self.by_path.get(point.path, ()) if point.path else ():
            if 0 <= point.offset - found.offset < found.end - found.start:
                return place, found.start + point.offset - found.offset
        return 0, point.offset

    def value_type(self, kind, unit):
        return number(1, self.strings[kind]) + number(2, self.strings[unit])

    def sample(self, row):
        values = (row.live.count, row.live.bytes, row.all.count, row.all.bytes)
        return numbers(1, [self.locations[point] for point in row.points]) + numbers(2, values)

    def location(self, point, place):
        mapping, address = self.mapped(point)
        lines = (number(1, self.functions[frame[:3]]) + number(2, frame.line) for frame in self.symbols.known[point])
        return number(1, place) + number(2, mapping) + number(3, address) + b"".join(content(4, line) for line in lines)

    def function(self, key, place):
        name, symbol, file = key
        return number(1, place) + number(2, self.strings[name]) + number(3, self.strings[symbol]) + \
            number(4, self.strings[file])

    def known_of_maps(self):
        """{number of a map: what its locations stand for, a list for each}"""
        found = {}
        for point, _ in self.locations:
            found.setdefault(self.mapped(point)[0], []).append(self.symbols.known[point])
        return found

    def mapping(self, place, found, known):
        """Says what of its locations is KNOWN, which keeps pprof from looking for it."""
        frames = [frame for inlined in known for frame in inlined]
        flags = (bool(frames), any(frame.file for frame in frames), any(frame.line for frame in frames),
                 any(len(inlined) > 1 for inlined in known))
        return number(1, place) + number(2, found.start) + number(3, found.end) + number(4, found.offset) + \
            number(5, self.strings[found.path]) + number(6, self.strings[self.symbols.build_id(found.path)]) + \
            b"".join(number(field, flag) for field, flag in enumerate(flags, 7))

    def fields(self):
        """(name, value), in an order in which each number has been given before its table is written."""
        yield from (("sample_type", self.value_type(*pair)) for pair in SAMPLE_TYPES)
        yield from (("sample", self.sample(row)) for row in self.rows)
        known = self.known_of_maps()
        yield from (("mapping", self.mapping(place, found, known.get(place, ())))
                    for place, found in enumerate(self.dump.maps, 1))
        yield from (("location", self.location(point, place)) for point, place in self.locations)
        yield from (("function", self.function(key, place)) for key, place in self.functions)
        yield "time_nanos", self.dump.time * 10 ** 9
        yield "duration_nanos", self.dump.running_ms * 10 ** 6
        yield "period_type", self.value_type("space", "bytes")
        yield "period", self.dump.interval
        if self.dump.missed:
            yield "comment", self.strings[f"{self.dump.missed} samples could not be kept"]
        yield "default_sample_type", self.strings[DEFAULT]
        yield from (("string_table", text.encode("utf-8", "replace")) for text, _ in self.strings)

    def message(self):
        return b"".join((number if isinstance(value, int) else content)(PROFILE[name], value)
                        for name, value in self.fields())


def write(path, rows, dump, symbols):
    with open(path, "wb") as file:
        file.write(gzip.compress(Writer(rows, dump, symbols).message(), mtime=0))
