# SPDX-License-Identifier: MIT
"""`stat`: the account of a process's memory at a moment."""
import json

import amount
import causes
import colour
import snapshot
import table

DESCRIPTION = """Where the memory of process PID is: its causes, whose sum is what is resident, then the size classes and
the arenas. With --json all of it, for `freehold diff` and `freehold doctor --since`."""
BAR = 24


def arguments(parser):
    parser.add_argument("target", metavar="PID", help="the process; or a file that `stat --json` has written")
    parser.add_argument("--all", action="store_true", help="all size classes and arenas, not the ten largest")
    parser.add_argument("--json", action="store_true", help="a snapshot as JSON")


def bar(part, whole):
    return "#" * round(BAR * part / whole) if whole else ""


def title(found):
    about = found["process"]
    words = f"process {found['process_id']}" + (f" ({about['name']})" if about.get("name") else "")
    words += f": {amount.text(found['stats']['resident'])} resident by the allocator"
    if "resident" in about:
        words += f", {amount.text(about['resident'])} in all"
    age = found["page"].get("age_seconds", 0)
    return words + (f"; {age:.0f} s ago" if age >= 2 else "")


def cause_lines(found):
    stats = found["stats"]
    rows = [[name, amount.text(size), f"{100 * size / max(1, stats['resident']):.1f} %", causes.CAUSES[name],
             bar(size, stats["resident"])] for name, size in causes.largest(stats)]
    heads = ["cause", "bytes", "share", "", ""]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(5)]
    for row in [heads, *rows]:
        yield (f"  {row[0].ljust(widths[0])}  {row[1].rjust(widths[1])}  {row[2].rjust(widths[2])}  "
               f"{row[3].ljust(widths[3])}  {row[4]}").rstrip()


def class_lines(found, most):
    rows = sorted(found["classes"], key=lambda row: -row["resident"])
    yield from table.lines(
        ["class", "resident", "slabs", "used", "free in slabs", "cached", "without owner"],
        ([f"{row['block_size']} B", amount.text(row["resident"]), amount.number(row["slabs"]),
          f"{100 * causes.fullness(row):.0f} %", amount.text(causes.free_of_class(row)),
          amount.text(row["cached"] * row["block_size"]), amount.number(row["orphan_slabs"])] for row in rows[:most]))
    if len(rows) > most:
        yield f"  and {len(rows) - most} more: --all"


def arena_lines(found, most):
    rows = sorted(found["arenas"], key=lambda row: -(row["owned"] + row["cached"] + row["kept_runs"]))
    yield from table.lines(
        ["arena", "slabs", "free there", "cached", "runs", "outbox"],
        ([causes.arena_name(row), amount.text(row["owned"]), amount.text(row["owned_free"]), amount.text(row["cached"]),
          amount.text(row["kept_runs"]), amount.text(row["outbox"])] for row in rows[:most]))
    if len(rows) > most:
        yield f"  and {len(rows) - most} more: --all"


def lines(found, most):
    stats = found["stats"]
    yield colour.paint(title(found), "bold")
    yield ""
    yield from cause_lines(found)
    yield ""
    yield (f"  not resident: {amount.text(stats['purged'])} of free memory that the kernel has, "
           f"{amount.text(stats['reserved'])} of address space in all")
    yield (f"  {amount.number(stats['large_blocks'])} large blocks, {amount.text(stats['large_bytes'])}; "
           f"{amount.number(stats['huge_blocks'])} huge blocks, {amount.text(stats['huge_bytes'])}; "
           f"{amount.number(stats['superslabs'])} SuperSlabs in {amount.number(stats['regions'])} regions; "
           f"{amount.number(stats['orphan_slabs'])} slabs without owner")
    for heading, body in (("Size classes", class_lines), ("Arenas", arena_lines)):
        rows = list(body(found, most))
        if len(rows) > 1:
            yield ""
            yield colour.paint(heading, "bold")
            yield from rows


def main(given):
    found = snapshot.get(given.target)
    if given.json:
        print(json.dumps(found))
    else:
        print("\n".join(lines(found, 1 << 30 if given.all else 10)))
    return 0
