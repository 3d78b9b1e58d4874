# SPDX-License-Identifier: MIT
"""`purge`: has a process give back all that is free."""
import json

import amount
import page
import process
from failure import OTHER, Failure

DESCRIPTION = """Asks process PID to give all that is free back to the kernel now, as malloc_trim(0) does; its housekeeper
does it. Says what came back."""


def arguments(parser):
    parser.add_argument("pid", type=int, metavar="PID", help="the process")
    parser.add_argument("--json", action="store_true", help="what came back as JSON")


def main(given):
    with page.open_process(given.pid) as live:
        before = process.memory(given.pid)
        purged = live.read().counters["purged_bytes"]
        if not live.purge():
            raise Failure(f"process {given.pid}: no answer: it has no housekeeper, or is stopped", OTHER)
        after = process.memory(given.pid)
        given_back = live.fresh().counters["purged_bytes"] - purged
    change = before.get("resident", 0) - after.get("resident", 0)
    if given.json:
        print(json.dumps({"schema": "freehold-purge-1", "process_id": given.pid, "purged_bytes": given_back,
                          "resident_before": before.get("resident"), "resident_after": after.get("resident")}))
    else:
        print(f"process {given.pid}: {amount.text(given_back)} purged; resident memory changed by {amount.change(-change)}")
    return 0
