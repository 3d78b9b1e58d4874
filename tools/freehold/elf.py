# SPDX-License-Identifier: MIT
"""An ELF file of 64 bits: its build id, where its segments are, and the names of its functions."""
import bisect
import contextlib
import os
import struct

PT_LOAD, PT_NOTE = 1, 4
SHT_SYMTAB, SHT_NOTE, SHT_NOBITS, SHT_DYNSYM = 2, 7, 8, 11
FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
NT_BUILD_ID = 3
STRONG = 1  # STB_GLOBAL
DEBUG_FOLDER = "/usr/lib/debug"
HEADER = struct.Struct("<16x2H I 3Q I 6H")
SEGMENT = struct.Struct("<2I 6Q")
SECTION = struct.Struct("<2I 4Q 2I 2Q")
SYMBOL = struct.Struct("<I 2B H 2Q")
LONGEST_NAME = 1 << 16


class BadFile(Exception):
    """It is no ELF file of this kind, or a broken one."""


def text_at(table, place):
    end = table.find(b"\0", place, place + LONGEST_NAME)
    return table[place:end if end >= 0 else place + LONGEST_NAME].decode("utf-8", "replace")


class File:
    """What is read of one. Its functions are read when the first is asked for."""

    def __init__(self, path):
        self.path = path
        try:
            with open(path, "rb") as self.file:
                self.read_headers()
                self.build_id = self.find_build_id()
        except (struct.error, ValueError, OverflowError, MemoryError) as error:
            raise BadFile(f"{path}: a broken ELF file: {error}") from error
        self.starts = None

    def take(self, offset, size):
        self.file.seek(offset)
        return self.file.read(size)

    def records(self, form, offset, size, count):
        if count and size < form.size:
            raise BadFile(f"{self.path}: a broken ELF file")
        data = self.take(offset, size * count)
        return [form.unpack_from(data, place) for place in range(0, len(data) - size + 1, size)] if count else []

    def read_headers(self):
        head = self.take(0, 64)
        if head[:4] != b"\x7fELF" or len(head) < 64 or head[4:6] != b"\2\1":
            raise BadFile(f"{self.path}: no ELF file of 64 bits, little-endian")
        _, _, _, _, segments, sections, _, _, segment_size, segment_count, section_size, section_count, names = \
            HEADER.unpack(head)
        self.segments = self.records(SEGMENT, segments, segment_size, segment_count)
        self.sections = self.records(SECTION, sections, section_size, section_count) if sections else []
        self.names = b""
        if names < len(self.sections):
            self.names = self.take(*self.sections[names][4:6])

    def has_section(self, name):
        return any(text_at(self.names, section[0]) == name and section[1] != SHT_NOBITS for section in self.sections)

    def notes(self):
        """Where notes are, as (offset, size): segments of what runs, sections of what a debugger has."""
        yield from ((offset, size) for kind, _, offset, _, _, size, _, _ in self.segments if kind == PT_NOTE)
        yield from ((offset, size) for _, kind, _, _, offset, size, *_ in self.sections if kind == SHT_NOTE)

    def find_build_id(self):
        """In hexadecimal; empty if there is none."""
        for offset, size in self.notes():
            data = self.take(offset, min(size, 1 << 20))
            place = 0
            while place + 12 <= len(data):
                name, length, kind = struct.unpack_from("<3I", data, place)
                begin = place + 12 + (name + 3) // 4 * 4
                if kind == NT_BUILD_ID and data[place + 12:place + 12 + name] == b"GNU\0":
                    return data[begin:begin + length].hex()
                place = begin + (length + 3) // 4 * 4
        return ""

    def address(self, offset):
        """The file's own address of what stands at OFFSET in it, or None if it is not loaded."""
        for kind, _, begin, address, _, size, _, _ in self.segments:
            if kind == PT_LOAD and begin <= offset < begin + size:
                return address + offset - begin
        return None

    def read_functions(self):
        """The tables of all functions by address: of several that begin at one place the global one, then the shorter
        name."""
        found = {}
        with open(self.path, "rb") as self.file:
            for _, kind, _, _, offset, size, link, _, _, record in self.sections:
                if kind not in (SHT_SYMTAB, SHT_DYNSYM) or link >= len(self.sections):
                    continue
                names = self.take(*self.sections[link][4:6])
                for name, info, _, section, value, length in self.records(SYMBOL, offset, record, size // (record or 1)):
                    if info & 15 not in FUNCTIONS or section == 0:
                        continue
                    called = text_at(names, name)
                    rank = (info >> 4 != STRONG, length == 0, len(called), called)
                    if called and (value not in found or rank < found[value][0]):
                        found[value] = (rank, length, called)
        self.starts = sorted(found)
        self.functions = [found[start][1:] for start in self.starts]

    def function(self, address):
        """The name of the function that has the file's own ADDRESS, or None."""
        if self.starts is None:
            try:
                self.read_functions()
            except (struct.error, ValueError, OverflowError, MemoryError, OSError, BadFile):
                self.starts, self.functions = [], []
        place = bisect.bisect_right(self.starts, address) - 1
        if place < 0:
            return None
        length, name = self.functions[place]
        return name if length == 0 or address < self.starts[place] + length else None

    def debug(self):
        """The file that a distribution has put apart for debuggers, by the build id; None if it is not there."""
        if len(self.build_id) < 4:
            return None
        path = os.path.join(DEBUG_FOLDER, ".build-id", self.build_id[:2], self.build_id[2:] + ".debug")
        with contextlib.suppress(OSError, BadFile):
            return File(path)
        return None
