# SPDX-License-Identifier: MIT
"""Which functions and lines addresses of a process stand for."""
import contextlib
import functools
import os
import shutil
import subprocess
from typing import NamedTuple

import elf

PATIENCE_SECONDS = 120
DEBUG_SECTIONS = (".debug_line", ".zdebug_line")


class Frame(NamedTuple):
    """A function as the program has it at an address. file and line are empty and 0 if they are not known."""
    function: str  # as people read it
    symbol: str    # as the linker knows it
    file: str
    line: int

    @property
    def place(self):
        """plant.c:34, or nothing."""
        return f"{os.path.basename(self.file)}:{self.line}" if self.file else ""


class Point(NamedTuple):
    """Where a call is, as something that is the same wherever the file was loaded."""
    path: str    # of a file, or as [vdso]; empty if the address is in none
    offset: int  # in it, of the call's last byte; the address itself if it is in none


def run(words, text):
    """What a tool makes of TEXT; nothing if it is not there or does not work. It must not ask servers."""
    variables = {name: value for name, value in os.environ.items() if name != "DEBUGINFOD_URLS"}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(words, input=text, capture_output=True, encoding="utf-8", errors="replace", check=True,
                              timeout=PATIENCE_SECONDS, env={**variables, "LC_ALL": "C"}).stdout
    return ""


def lines_of(path, addresses):
    """{address: [(symbol, file, line)], the innermost first} of those that addr2line knows."""
    answer = run(["addr2line", "-a", "-f", "-i", "-e", path], "".join(f"{address:#x}\n" for address in addresses))
    found, rows, symbol = {}, [], None
    for line in answer.splitlines():
        if line.startswith("0x"):
            rows = found.setdefault(int(line, 16), [])
            symbol = None
        elif symbol is None:
            symbol = line
        else:
            file, _, number = line.partition(" (discriminator")[0].rpartition(":")
            if symbol != "??":
                rows.append((symbol, "" if file == "??" else file, int(number) if number.isdigit() else 0))
            symbol = None
    return {address: rows for address, rows in found.items() if rows}


def demangle(names):
    """{name: as it is written in C++} of those that c++filt knows."""
    mangled = sorted(name for name in names if name.startswith("_Z") and "\n" not in name)
    if not mangled:
        return {}
    clear = run(["c++filt"], "\n".join(mangled) + "\n").splitlines()
    return dict(zip(mangled, clear)) if len(clear) == len(mangled) else {}


class Module:
    """A file that was mapped. Without one that can be read, nothing is known but the offset."""

    def __init__(self, path, root, with_lines):
        self.path, self.with_lines = path, with_lines
        self.file, self.others = None, []
        with contextlib.suppress(OSError, elf.BadFile):
            self.file = elf.File(root + path)
            self.others = [self.file, *filter(None, [self.file.debug()])]

    @property
    def build_id(self):
        return self.file.build_id if self.file else ""

    def name(self, address):
        return next(filter(None, (file.function(address) for file in self.others)), None)

    def resolve(self, offsets):
        """{offset: [(symbol, file, line)]}, the innermost first, of those that are known."""
        if self.file is None:
            return {}
        addresses = {offset: self.file.address(offset) for offset in offsets}
        wanted = sorted(filter(None, addresses.values()))
        known = {}
        for file in self.others if self.with_lines else ():
            if wanted and any(map(file.has_section, DEBUG_SECTIONS)):
                known = {**lines_of(file.path, wanted), **known}
        found = {}
        for offset, address in addresses.items():
            if address is not None:
                symbol = self.name(address)
                found[offset] = known.get(address) or ([(symbol, "", 0)] if symbol else [])
        return {offset: rows for offset, rows in found.items() if rows}


class Symbols:
    """Of all addresses that dumps name. ROOT is where the process sees its files."""

    def __init__(self, root="", with_names=True, with_lines=True):
        self.root, self.with_names = root, with_names
        self.with_lines = with_lines and shutil.which("addr2line") is not None
        self.known = {}

    @functools.cache
    def module(self, path):
        return Module(path, self.root, self.with_lines)

    def build_id(self, path):
        return self.module(path).build_id if path.startswith("/") else ""

    @staticmethod
    def point(dump, address):
        """Where the call that returns to ADDRESS is."""
        found = dump.map_of(address - 1)
        if found is None or not found.path:
            return Point("", address - 1)
        return Point(found.path, address - 1 - found.start + found.offset)

    def learn(self, dump):
        """Looks up all that DUMP names, each file once."""
        points = {self.point(dump, address) for address in {frame for site in dump.sites for frame in site.frames}}
        wanted = {}
        for point in points - self.known.keys():
            wanted.setdefault(point.path, []).append(point.offset)
        found = {}
        for path, offsets in wanted.items():
            resolved = self.module(path).resolve(offsets) if self.with_names and path.startswith("/") else {}
            found.update({Point(path, offset): resolved.get(offset, []) for offset in offsets})
        clear = demangle({symbol for rows in found.values() for symbol, _, _ in rows})
        self.known.update({point: tuple(Frame(clear.get(symbol, symbol), symbol, file, line)
                                        for symbol, file, line in rows) for point, rows in found.items()})

    def frames(self, point):
        """The functions at POINT, the innermost first: those that were inlined before the one that has them."""
        return self.known[point] or (self.unknown(point),)

    @staticmethod
    def unknown(point):
        name = f"{os.path.basename(point.path)}+{point.offset:#x}" if point.path else f"{point.offset:#x}"
        return Frame(name, name, "", 0)
