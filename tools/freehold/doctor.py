# SPDX-License-Identifier: MIT
"""`doctor`: why a process has more memory than its program uses, in sentences, and what would help."""
import json
import textwrap
import time

import amount
import colour
import page
import process
import rules
import snapshot
from failure import USAGE, Failure

DESCRIPTION = """Looks at process PID for some seconds and says why its resident memory is over what its live blocks use: the
biggest cause first, each with the option or the change of the program that would help, and what that would give at
most."""
LOOKS = 5
SHARE_LEAST = 50  # a cause is named if it is one part in so many of what is resident
BYTES_LEAST = 1 << 20
WIDTH = 100


def arguments(parser):
    parser.add_argument("target", metavar="PID", help="the process; or a file that `stat --json` has written")
    parser.add_argument("--seconds", type=float, default=4.0, metavar="N", help="how long to look; 4. 0: once")
    parser.add_argument("--since", metavar="FILE", help="an earlier snapshot of the process: growth is seen from there")
    parser.add_argument("--all", action="store_true", help="small causes, too")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def watch(pid, seconds):
    """Snapshots of a process, over SECONDS."""
    with page.open_process(pid) as live:
        looks = [snapshot.of_view(live.fresh(), pid)]
        begin = time.monotonic()
        for turn in range(1, LOOKS if seconds > 0 else 1):
            time.sleep(max(0.0, begin + seconds * turn / (LOOKS - 1) - time.monotonic()))
            looks.append(snapshot.of_view(live.fresh(), pid))
    return [look for place, look in enumerate(looks)
            if place == 0 or look["page"]["sequence"] != looks[place - 1]["page"]["sequence"]]


def collect(given):
    """The facts that the command line asks for."""
    if not 0 <= given.seconds <= 86400:
        raise Failure("--seconds: 0 to 86400", USAGE)
    is_process = process.is_number(given.target)
    looks = watch(int(given.target), given.seconds) if is_process else [snapshot.load(given.target)]
    if given.since:
        looks.insert(0, snapshot.load(given.since))
    return rules.Facts(looks, process.huge_pages())


def findings(facts, everything=False):
    """[{cause, bytes, says, help}], the biggest first."""
    whole = max(facts.stats["resident"], facts.process.get("resident", 0))
    least = 1 if everything else max(BYTES_LEAST, whole // SHARE_LEAST)
    found = []
    for rule in rules.RULES:
        size = rule.weigh(facts)
        if size >= least:
            found.append({"cause": rule.name, "bytes": size, "says": rule.say(facts),
                          "help": [{"what": help.what, "gain_bytes": help.gain} for help in rule.help(facts)]})
    return sorted(found, key=lambda finding: -finding["bytes"])


def head(facts):
    stats = facts.stats
    name = facts.process.get("name")
    words = (f"Process {facts.pid()}{f' ({name})' if name else ''} has {amount.text(stats['live'])} in live blocks, and "
             f"{amount.text(stats['resident'])} resident by the allocator")
    if "resident" in facts.process:
        words += f" ({amount.text(facts.process['resident'])} in all)"
    over = stats["resident"] - stats["live"]
    return f"{words}: {amount.text(over)} more, {100 * over / max(1, stats['resident']):.0f} %."


def warning(facts):
    """Of a page that nobody writes anew."""
    why = "is the process stopped?" if facts.page.get("has_housekeeper") else \
        "the process has no housekeeper, and writes them when it takes a slow path."
    return f"The figures are {facts.page.get('age_seconds', 0):.0f} s old: {why} What it did since is not seen."


def wrapped(words, indent):
    return textwrap.fill(words, WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent),
                         break_on_hyphens=False, break_long_words=False)


def lines(facts, found):
    yield wrapped(head(facts), "")
    if facts.is_old():
        yield colour.paint(wrapped(warning(facts), ""), "yellow")
    if not found:
        yield "Nothing is over what is usual."
    for number, finding in enumerate(found, 1):
        yield ""
        yield colour.paint(f"{number}. {finding['cause']}: {amount.text(finding['bytes'])}", "bold")
        yield wrapped(finding["says"][:1].upper() + finding["says"][1:], "   ")
        for help in finding["help"]:
            gain = help["gain_bytes"]
            yield wrapped(help["what"] + (f" (up to {amount.text(gain)})." if gain is not None else "."), "   - ")


def main(given):
    facts = collect(given)
    found = findings(facts, given.all)
    if given.json:
        stats = facts.stats
        print(json.dumps({"schema": "freehold-doctor-1", "process_id": facts.pid(), "seconds": round(facts.seconds, 3),
                          "is_old": facts.is_old(),
                          "live": stats["live"], "resident": stats["resident"], "causes": found}))
    else:
        print("\n".join(lines(facts, found)))
    return 0
