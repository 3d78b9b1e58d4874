# SPDX-License-Identifier: MIT
"""`list`: the processes that run on Freehold, and can be looked at."""
import contextlib
import json

import page
import process
from failure import NO_PAGE, Failure

DESCRIPTION = """The processes of this machine that have a live page, as far as you may see them. With --all also those
that run on Freehold without one."""
EPILOG = "exit status: 0 if there is any, 6 if there is none."


def arguments(parser):
    parser.add_argument("--all", action="store_true", help="also those without a live page")
    parser.add_argument("--json", action="store_true", help="as JSON")


def has_page(pid):
    with contextlib.suppress(Failure), page.open_process(pid):
        return True
    return False


def find(everything=False):
    """[{pid, name, has_page}]"""
    found = []
    for pid in process.all_processes():
        live = has_page(pid)
        if live or (everything and process.has_library(pid)):
            found.append({"process_id": pid, "name": process.name(pid), "has_page": live})
    return found


def only():
    """The one process that has a page."""
    found = find()
    if len(found) == 1:
        return found[0]["process_id"]
    if not found:
        raise Failure("no process has a live page: start one with FREEHOLD_LIVE=1, as `freehold run --live` does",
                      NO_PAGE)
    names = ", ".join(f"{row['process_id']} ({row['name']})" for row in found)
    raise Failure(f"several processes have a live page, say which: {names}", NO_PAGE)


def main(given):
    found = find(given.all)
    if given.json:
        print(json.dumps({"schema": "freehold-list-1", "processes": found}))
    elif found:
        rows = [[row["process_id"], row["name"]] + ([] if row["has_page"] else ["no live page"]) for row in found]
        print("\n".join(" ".join(map(str, row)) for row in rows))
    return 0 if found else NO_PAGE
