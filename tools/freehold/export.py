# SPDX-License-Identifier: MIT
"""`export`: the account of processes for Prometheus, over HTTP or for the textfile collector."""
import contextlib
import http.server
import json
import os
import signal
import sys

import page
import processes
import snapshot
from failure import USAGE, Failure

DESCRIPTION = """Gives the account of the processes PID, or of all that have a live page, in Prometheus' text format: to who
asks 127.0.0.1 at --port for /metrics, or once, to standard output or a file of the node exporter's textfile
collector."""
TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTERS = {
    "refills": "Caches filled from a slab.",
    "remote_frees": "Blocks freed by a thread that does not own their slab.",
    "pushes": "Batches of such blocks that were sent.",
    "posts": "Slabs posted to an inbox.",
    "drains": "Remote queues drained.",
    "claims": "Slabs without owner claimed after a push.",
    "adoptions": "Orphans taken by an arena in need of a slab.",
    "orphans": "Slabs released with live blocks.",
    "slabs_taken": "Slabs made from fresh units.",
    "slabs_freed": "Empty slabs given back.",
    "arenas_started": "Threads that have been given an arena.",
    "superslabs_made": "SuperSlabs mapped.",
    "retirements": "SuperSlabs unregistered.",
    "grace_periods": "Grace periods run.",
    "purged_bytes": "Memory given back to the kernel.",
}
GAUGES = {
    "resident": ("resident_bytes", "Memory that the allocator has."),
    "allocated": ("allocated_bytes", "Live blocks by length, pages never touched included."),
    "purged": ("purged_address_space_bytes", "Free address space whose pages the kernel has."),
    "reserved": ("reserved_address_space_bytes", "All address space for blocks."),
    "superslabs": ("superslabs", "SuperSlabs of 4 MiB."),
    "regions": ("regions", "Regions of address space."),
    "orphan_slabs": ("orphan_slabs", "Slabs that nobody owns."),
    "large_blocks": ("large_blocks", "Live blocks over 32 KiB, to 2 MiB."),
    "large_bytes": ("large_block_bytes", "Address space of these."),
    "huge_blocks": ("huge_blocks", "Live blocks over 2 MiB."),
    "huge_bytes": ("huge_block_bytes", "Address space of these."),
}
CLASS_GAUGES = {
    "resident": ("class_resident_bytes", "Memory of a size class's slabs."),
    "slabs": ("class_slabs", "Slabs of a size class."),
    "used": ("class_used_blocks", "Blocks of a size class that are live, cached or in flight."),
}


def arguments(parser):
    parser.add_argument("pids", nargs="*", type=int, metavar="PID", help="the processes; all that have a page")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int, metavar="N", help="listen there, on 127.0.0.1; 0: on any that is free")
    where.add_argument("--once", action="store_true", help="print them, and end")
    parser.add_argument("--output", metavar="FILE", help="with --once: into a file, which is replaced as a whole")
    parser.add_argument("--json", action="store_true", help="with --once: as JSON")


class Family:
    """All samples of one name."""

    def __init__(self, name, kind, help):
        self.name, self.kind, self.help = f"freehold_{name}", kind, help
        self.samples = []

    def add(self, labels, value):
        self.samples.append((labels, value))


class Families(dict):
    def add(self, name, kind, help, labels, value):
        self.setdefault(name, Family(name, kind, help)).add(labels, value)


def add_process(families, found):
    """A process's samples."""
    who = {"process": found["process"].get("name", ""), "pid": str(found["process_id"])}
    stats, counters = found["stats"], found["counters"]
    for cause in page.CAUSES:
        families.add("memory_bytes", "gauge", "Resident memory by cause; their sum is freehold_resident_bytes.",
                     {**who, "cause": cause}, stats[cause])
    for key, (name, help) in GAUGES.items():
        families.add(name, "gauge", help, who, stats[key])
    if "resident" in found["process"]:
        families.add("process_resident_bytes", "gauge", "Resident memory of the whole process.", who,
                     found["process"]["resident"])
    for state in page.ARENA_STATES:
        count = sum(arena["state"] == state for arena in found["arenas"])
        families.add("arenas", "gauge", "Arenas by state.", {**who, "state": state}, count)
    for key, help in COUNTERS.items():
        families.add(f"{key}_total", "counter", help, who, counters.get(key, 0))
    for row in found["classes"]:
        for key, (name, help) in CLASS_GAUGES.items():
            families.add(name, "gauge", help, {**who, "size": str(row["block_size"])}, row[key])
    families.add("page_age_seconds", "gauge", "Time since the live page was written.", who, found["page"]["age_seconds"])
    families.add("page_write_seconds", "gauge", "How long it took to write.", who, found["page"]["took_ns"] / 1e9)


def collect(pids):
    """{name: family} of the processes that can be looked at now."""
    families = Families()
    count = 0
    for pid in pids or [row["process_id"] for row in processes.find()]:
        with contextlib.suppress(Failure, OSError):
            add_process(families, snapshot.of_target(str(pid), wait=False))
            count += 1
    families.add("processes", "gauge", "Processes that could be looked at.", {}, count)
    return families


def escaped(value):
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def text(families):
    lines = []
    for family in families.values():
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for labels, value in family.samples:
            inside = ",".join(f'{name}="{escaped(content)}"' for name, content in labels.items())
            lines.append(f"{family.name}{'{' + inside + '}' if inside else ''} {value}")
    return "\n".join(lines) + "\n"


class Handler(http.server.BaseHTTPRequestHandler):
    pids = []

    def do_GET(self):
        if self.path.partition("?")[0] == "/metrics":
            self.answer(200, TYPE, text(collect(self.pids)))
        else:
            self.answer(404, "text/plain; charset=utf-8", "The figures are at /metrics.\n")

    do_HEAD = do_GET

    def answer(self, status, kind, words):
        body = words.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(given):
    if not 0 <= given.port < 65536:
        raise Failure("--port: 0 to 65535", USAGE)
    Handler.pids = given.pids
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    with http.server.ThreadingHTTPServer(("127.0.0.1", given.port), Handler) as server:
        server.daemon_threads = True
        print(f"freehold: http://127.0.0.1:{server.server_address[1]}/metrics", file=sys.stderr, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def replace(path, words):
    """A file that is seen whole, or not at all."""
    part = f"{path}.{os.getpid()}"
    with open(part, "w", encoding="utf-8") as file:
        file.write(words)
    os.replace(part, path)


def main(given):
    if not given.once:
        if given.json or given.output:
            raise Failure("--json and --output go with --once", USAGE)
        return serve(given)
    for pid in given.pids:
        page.open_process(pid).__exit__()  # says what is wrong with it
    families = collect(given.pids)
    if given.json:
        words = json.dumps({"schema": "freehold-export-1", "metrics": [
            {"name": family.name, "type": family.kind, "help": family.help,
             "samples": [{"labels": labels, "value": value} for labels, value in family.samples]}
            for family in families.values()]}) + "\n"
    else:
        words = text(families)
    if given.output:
        replace(given.output, words)
    else:
        print(words, end="")
    return 0
