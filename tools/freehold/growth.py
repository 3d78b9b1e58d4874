# SPDX-License-Identifier: MIT
"""`diff`: what grew between two snapshots."""
import json

import amount
import causes
import colour
import snapshot
import table

DESCRIPTION = """What grew, and what shrank, from snapshot A to snapshot B: causes, size classes and arenas, the biggest
change first. A and B are files that `freehold stat --json` has written, or processes as they are now."""
MOST = 10


def arguments(parser):
    parser.add_argument("before", metavar="A", help="a file, or a PID")
    parser.add_argument("after", metavar="B", help="a file, or a PID")
    parser.add_argument("--json", action="store_true", help="all changes as JSON")


def changes(before, after):
    """{key: after - before} of numbers by key, without those that are as they were."""
    found = {key: after.get(key, 0) - before.get(key, 0) for key in {**before, **after}}
    return dict(sorted(((key, change) for key, change in found.items() if change), key=lambda pair: -abs(pair[1])))


def by_class(found, value):
    return {row["block_size"]: value(row) for row in found["classes"]}


def by_arena(found):
    """What arenas hold, by name; those without a thread together."""
    sums = {}
    for row in found["arenas"]:
        name = causes.arena_name(row)
        sums[name] = sums.get(name, 0) + row["owned"] + row["cached"] + row["kept_runs"] + row["outbox"]
    return sums


def compare(before, after):
    """All that changed."""
    stats = changes(before["stats"], after["stats"])
    resident = {place: found["process"].get("resident", 0) for place, found in (("before", before), ("after", after))}
    return {
        "schema": "freehold-diff-1",
        "seconds": round(after.get("time", 0) - before.get("time", 0), 3),
        "process_resident": resident["after"] - resident["before"] if all(resident.values()) else 0,
        "resident": stats.pop("resident", 0),
        "causes": {name: change for name, change in stats.items() if name in causes.CAUSES},
        "figures": {name: change for name, change in stats.items() if name not in causes.CAUSES},
        "counters": changes(before["counters"], after["counters"]),
        "class_resident": changes(*(by_class(found, lambda row: row["resident"]) for found in (before, after))),
        "class_used_blocks": changes(*(by_class(found, lambda row: row["used"]) for found in (before, after))),
        "arenas": changes(by_arena(before), by_arena(after)),
    }


def class_rows(found):
    classes = found["class_resident"]
    sizes = list(classes) + [size for size in found["class_used_blocks"] if size not in classes]
    return [[f"{size} B", amount.change(classes.get(size, 0)), f"{found['class_used_blocks'].get(size, 0):+,}"]
            for size in sizes]


def section(heading, heads, rows):
    if rows:
        yield ""
        yield colour.paint(heading, "bold")
        yield from table.lines(heads, rows[:MOST])
        if len(rows) > MOST:
            yield f"  and {len(rows) - MOST} more: --json"


def lines(found):
    seconds = f" in {found['seconds']:.0f} s" if found["seconds"] > 0 else ""
    words = f"resident by the allocator: {amount.change(found['resident'])}{seconds}"
    if found["process_resident"]:
        words += f"; of the process: {amount.change(found['process_resident'])}"
    yield colour.paint(words, "bold")
    yield from section("Causes", ["cause", "change", ""],
                       [[name, amount.change(change), causes.CAUSES[name]] for name, change in found["causes"].items()])
    yield from section("Size classes", ["class", "resident", "blocks"], class_rows(found))
    yield from section("Arenas", ["arena", "held"], [[name, amount.change(size)] for name, size in found["arenas"].items()])


def main(given):
    found = compare(snapshot.get(given.before), snapshot.get(given.after))
    print(json.dumps(found) if given.json else "\n".join(lines(found)))
    return 0
