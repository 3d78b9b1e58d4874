# SPDX-License-Identifier: MIT
"""Dumps of the heap profile made up by the tests, and a reader of protocol buffers that knows nothing of the writer."""
import os
import re
import subprocess

import harness

LEAK = os.path.join(harness.ROOT, "build", "test", "command", "leak")
FRAMED = os.path.join(harness.ROOT, "build", "test", "command", "framed")
BASE = 0x555555554000


class Program:
    """Where calls return to in an ELF file, as objdump sees it."""

    def __init__(self, path, base=BASE):
        self.path, self.base = path, base
        self.calls = {}  # (caller, callee): addresses
        caller, waiting = None, None
        listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True)
        for line in listing.stdout.splitlines():
            begins = re.match(r"[0-9a-f]+ <([^>]+)>:", line)
            instruction = re.match(r"\s+([0-9a-f]+):\s+(.*)", line)
            if begins:
                caller, waiting = begins[1], None
            elif instruction:
                if waiting:
                    self.calls.setdefault((caller, waiting), []).append(int(instruction[1], 16))
                call = re.match(r"call\s+[0-9a-f]+ <([^>@]+)", instruction[2])
                waiting = call[1] if call else None
        headers = subprocess.run(["readelf", "-lW", path], capture_output=True, text=True, check=True).stdout
        offset, address, size = re.search(r"LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+) 0x\w+ R E", headers).groups()
        self.offset, self.address, self.size = int(offset, 16), int(address, 16), int(size, 16)

    def returns(self, caller, callee):
        """Where CALLER's first call of CALLEE returns to, in the process."""
        return self.calls[caller, callee][0] + self.base

    def stack(self, *names):
        """That of malloc, called by the first of NAMES, called by the next, and so on."""
        return [self.returns(caller, callee) for callee, caller in zip(("malloc", *names), names)]

    def map(self):
        start = (self.base + self.address) & -4096
        end = (self.base + self.address + self.size + 4095) & -4096
        return f"map {start:x} {end:x} r-xp {self.offset & -4096:08x} {self.path}"


def site(number, live, every, frames, samples=(10, 20), variances=("1000000", "4e6")):
    """LIVE and EVERY are (blocks, bytes)."""
    words = [number, *live, *every, *samples, *variances, *(f"{frame:#x}" for frame in frames)]
    return "site " + " ".join(map(str, words))


def text(*records, pid=4711, name="server", time=1700000000, running=12345, interval=524288, missed=0):
    return "\n".join(["freehold-profile 1", f"process {pid} {name}", f"time {time} {running}", f"interval {interval}",
                      f"missed {missed}", *records, "end", ""])


def of_leak(program, losses=7, **more):
    """What the library might write of leak.c."""
    main = program.stack("lose_them", "handle", "serve", "main")
    keep = program.stack("keep_row", "load", "main")
    answer = program.stack("answer", "handle", "serve", "main")
    return text(site(1, (1000 * losses, losses << 20), (1000 * losses, losses << 20), main, (14, 14), (10 ** 11, 10 ** 11)),
                site(2, (2000, 2 << 20), (2000, 2 << 20), keep, (4, 4), (4 * 10 ** 10, 4 * 10 ** 10)),
                site(3, (0, 0), (300000, 270 << 20), answer, (0, 540), (0, "1.41e+14")), program.map(),
                "map 7f0000001000 7f0000002000 r-xp 00001000 /nowhere/lib.so.1",
                "map 7ffd00000000 7ffd00001000 r-xp 00000000 [vdso]", **more)


def message(data):
    """[(field, value)] of a protocol buffer: numbers and bytes."""
    place = 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    found = []
    while place < len(data):
        field, kind = divmod(varint(), 8)
        if kind == 0:
            found.append((field, varint()))
        elif kind == 2:
            length = varint()
            assert place + length <= len(data)
            found.append((field, data[place:place + length]))
            place += length
        else:
            raise AssertionError(f"kind {kind}")
    return found


def packed(data):
    """The numbers of a packed field, negative ones as such."""
    found, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(value - (1 << 64) if value >> 63 else value)
            value = shift = 0
    assert shift == 0
    return found
