# SPDX-License-Identifier: MIT
"""Live pages made up by the tests, and a process that has one: it answers readers as the library would."""
import contextlib
import errno
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time

import harness

import page

HOUSEKEEPER_SECONDS = 0.01


class Heap:
    """What a page is to say. `stats` needs causes only: resident is their sum."""

    def __init__(self, stats=None, classes=(), arenas=(), regions=(), huge=(), superslabs=(), counters=None, **header):
        stats = dict(stats or {})
        stats.setdefault("resident", sum(stats.get(name, 0) for name in page.CAUSES))
        stats.setdefault("superslabs", len(superslabs))
        stats.setdefault("regions", len(regions))
        stats.setdefault("arenas", len(arenas))
        self.header = {"magic": page.MAGIC, "version": page.VERSION, "sequence": 2, "has_housekeeper": 1,
                       "period_ms": 1000, "took_ns": 50000, "page_bytes": 4096, "unit_bytes": 65536,
                       "granule_bytes": 4 << 20, "decay_ms": 1000, "guard": 1, "process_id": 0, **header}
        self.tables = {"counters": [counters or {}], "stats": [stats], "classes": [{}, *classes], "arenas": arenas,
                       "regions": regions, "huge": huge, "superslabs": superslabs}

    def bytes(self, wider=0):
        """The page; its records have WIDER further bytes, as those of a later library might."""
        offset = page.HEADER.size + wider
        header, body = dict(self.header), []
        for name, rows in self.tables.items():
            layout = page.LAYOUTS[name]
            packed = b"".join(pack(layout, row) + b"\xaa" * wider for row in rows)
            header[name] = page.TABLE.form.pack(offset, layout.size + wider, len(rows), len(rows))
            body.append(packed)
            offset += len(packed)
        header.update(header=page.HEADER.size + wider, length=offset)
        return pack(page.HEADER, header) + b"\xaa" * wider + b"".join(body)


def pack(layout, row):
    unknown = set(row) - set(layout.names)
    assert not unknown, unknown
    return layout.form.pack(*(row.get(name, b"" if layout.fields[name].endswith("s") else 0) for name in layout.names))


def unit(kind, is_first=False, size_class=0, fullness=0, resident=16, owner=0):
    return page.UNIT.pack(kind | (page.UNIT_FIRST if is_first else 0), size_class, fullness, resident, owner)


def granules(kinds, resident=64):
    return b"".join(page.GRANULE.pack(kind, resident) for kind in kinds).ljust(512, b"\0")


class Process:
    """A process that has a page."""

    def __init__(self, heap, *flags, name=None, wider=0):
        self.folder = tempfile.TemporaryDirectory()
        self.heap, self.flags, self.wider, self.name = heap, flags, wider, name

    def __enter__(self):
        program = ["/usr/bin/python3", os.path.realpath(__file__), self.put(self.heap), *self.flags]
        self.child = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env=harness.environment())
        self.pid = self.child.pid
        self.answer()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.close()
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()
        self.folder.cleanup()

    def put(self, heap):
        path = os.path.join(self.folder.name, f"page-{time.monotonic_ns()}")
        with open(path, "wb") as file:
            file.write(heap.bytes(self.wider))
        return path

    def answer(self):
        assert self.child.stdout.readline() == "ready\n"

    def tell(self, *order):
        print(json.dumps(order), file=self.child.stdin, flush=True)
        self.answer()

    def write(self, heap):
        """Has the page say something else."""
        self.tell("write", self.put(heap))


class Writer:
    """The library's side of the page."""

    def __init__(self, content, flags):
        self.lock = threading.Lock()
        self.is_ready = threading.Event()
        self.descriptor = os.memfd_create("freehold-live")
        self.content = content
        self.flags = flags
        self.at = page.HEADER.offset
        os.ftruncate(self.descriptor, len(content))
        os.pwrite(self.descriptor, content, 0)
        self.put("I", "process_id", os.getpid())
        self.put("Q", "written_ns", time.monotonic_ns())
        if "--deaf" not in flags:
            seen = self.get("I", "wanted")
            threading.Thread(target=self.keep_house, args=(seen, "--named" in flags), daemon=True).start()
            self.is_ready.wait()

    def get(self, code, name):
        return struct.unpack("<" + code, os.pread(self.descriptor, struct.calcsize(code), self.at(name)))[0]

    def put(self, code, name, value):
        os.pwrite(self.descriptor, struct.pack("<" + code, value), self.at(name))

    def write(self, content=None):
        with self.lock:
            sequence = self.get("Q", "sequence")
            self.put("Q", "sequence", sequence | 1)
            if content:
                self.content = content
            os.ftruncate(self.descriptor, len(self.content))
            for start, end in ((self.at("unit_bytes"), self.at("profile_wanted")), (page.HEADER.size, len(self.content))):
                os.pwrite(self.descriptor, self.content[start:end], start)
            self.put("Q", "written_ns", time.monotonic_ns())
            self.put("Q", "sequence", (sequence | 1) + 1)

    def write_dump(self):
        """What is in the file, with the number of this process."""
        path = next((flag.removeprefix("--dump=") for flag in self.flags if flag.startswith("--dump=")), None)
        if path is None:
            return errno.ENOMEM
        with open(path, encoding="utf-8") as file:
            content = file.read().replace("process 4711 ", f"process {os.getpid()} ")
        self.dump = os.memfd_create("freehold-profile")
        os.write(self.dump, content.encode())
        return 0

    def keep_house(self, seen, is_named):
        if is_named:
            with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w", encoding="ascii") as file:
                file.write("freehold")
        self.is_ready.set()
        while True:
            time.sleep(HOUSEKEEPER_SECONDS)
            wanted = self.get("I", "purge_wanted")
            if self.get("I", "purge_done") != wanted:
                self.put("I", "purge_done", wanted)
                self.write()
            if self.get("I", "dump_done") != self.get("I", "dump_wanted"):
                self.put("I", "dump_error", self.write_dump())
                self.put("I", "dump_done", self.get("I", "dump_wanted"))
            if self.get("I", "profile_done") != self.get("I", "profile_wanted"):
                self.put("I", "profile_done", self.get("I", "profile_wanted"))
            if self.get("I", "wanted") != seen:
                seen = self.get("I", "wanted")
                self.write()

    def storm(self, seconds, others):
        """Writes two pages in turn without a pause, so that readers meet half of each."""
        deadline = time.monotonic() + seconds
        contents = []
        for path in others:
            with open(path, "rb") as file:
                contents.append(file.read())
        turn = 0
        while time.monotonic() < deadline:
            self.write(contents[turn % len(contents)])
            turn += 1
            time.sleep(0.0005)


def serve():
    with open(sys.argv[1], "rb") as file:
        writer = Writer(file.read(), sys.argv[2:])
    print("ready", flush=True)
    for line in sys.stdin:
        order, *rest = json.loads(line)
        if order == "write":
            with open(rest[0], "rb") as file:
                writer.write(file.read())
        elif order == "storm":
            threading.Thread(target=writer.storm, args=(rest[0], rest[1:]), daemon=True).start()
        elif order == "put":
            writer.put(*rest)
        print("ready", flush=True)


if __name__ == "__main__":
    serve()
