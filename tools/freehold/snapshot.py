# SPDX-License-Identifier: MIT
"""The state of a heap as JSON: what a page says, and what the kernel says of its process. A superset of what
fh_stats_json writes."""
import json
import time

import page
import process
from failure import BAD_INPUT, Failure

SCHEMA = "freehold-stats-1"


def arena_row(arena, names):
    state = arena["state"]
    name, seconds = names.get(arena["thread_id"], ("", 0))
    return {**arena, "state": page.ARENA_STATES[state] if state < len(page.ARENA_STATES) else "unknown",
            "thread_name": name, "thread_seconds": seconds}


def of_view(view, pid=None):
    """The snapshot of a page that was read; of a process, if it is still there."""
    header = view.header
    names = process.threads(pid) if pid else {}
    minor, major = process.faults(pid) if pid else (0, 0)
    return {
        "schema": SCHEMA,
        "process_id": header["process_id"],
        "time": round(time.time(), 3),
        "process": {"name": process.name(pid), **process.memory(pid), "minor_faults": minor,
                    "major_faults": major} if pid else {},
        "page": {"sequence": header["sequence"], "written_ns": header["written_ns"],
                 "age_seconds": round(view.age(), 3) if pid else 0,
                 "took_ns": header["took_ns"], "period_ms": header["period_ms"],
                 "has_housekeeper": bool(header["has_housekeeper"]), "decay_ms": header["decay_ms"],
                 "limit_bytes": header["limit_bytes"], "guard": header["guard"]},
        "stats": view.stats,
        "counters": view.counters,
        "classes": [{"class": number, **row} for number, row in enumerate(view.classes) if row["slabs"]],
        "arenas": [arena_row(arena, names) for arena in view.arenas],
    }


def of_target(target, wait=True):
    """Of a process, by its number, or a copy of a page."""
    pid = int(target) if process.is_number(target) else None
    with page.open_target(target) as live:
        return of_view(live.fresh(patience=page.ASK_SECONDS if wait else 0) if pid else live.read(), pid)


def load(path):
    """One that was saved."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (ValueError, RecursionError) as error:
        raise Failure(f"{path}: this is no JSON: {error}", BAD_INPUT) from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise Failure(f"{path}: this is no snapshot, as `freehold stat --json` writes it ({SCHEMA})", BAD_INPUT)
    try:
        check(found)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Failure(f"{path}: the snapshot lacks something: {error}", BAD_INPUT) from error
    return found


def numeric(value):
    """Whether a snapshot may have it for a number."""
    return isinstance(value, (int, float)) and abs(value) < 1 << 80


def check_numbers(row, names):
    for name in names:
        if not numeric(row[name]):
            raise ValueError(f"{name} is no number")


def check(found):
    """What every reader relies on."""
    check_numbers(found, ["process_id"])
    check_numbers(found["stats"], page.STATS.names)
    for row in found["classes"]:
        check_numbers(row, ("class", *page.CLASS.names))
    for row in found["arenas"]:
        check_numbers(row, [name for name in page.ARENA.names if name != "state"])
        row["state"] = str(row["state"])
    for name in ("counters", "process", "page"):
        part = found.setdefault(name, {})
        if not isinstance(part, dict):
            raise TypeError(f"{name} is no object")
        check_numbers(part, [key for key in part if key != "name"])
    found.setdefault("time", 0)
    check_numbers(found, ["time"])


def get(target):
    """Of a process, or a saved one."""
    return of_target(target) if process.is_number(target) else load(target)
