# SPDX-License-Identifier: MIT
"""Folded stacks as a flame graph: a box for each function, as wide as what it and those it called stand for."""
import json
import sys
import zlib

import amount
import svg
from failure import BAD_INPUT, USAGE, Failure

DESCRIPTION = """Reads folded stacks, a line each: functions from the outermost, separated by semicolons, a space and a
number. Writes a flame graph as SVG to standard output."""
ROW = 17
SIDE = 10
TOP = 44
FONT = 11
WIDTH_LEAST = 0.3  # pixels: narrower boxes are left out
DEPTH_MOST = 300


def arguments(parser):
    parser.add_argument("file", nargs="?", default="-", metavar="FOLDED", help="the file; standard input if it is -")
    parser.add_argument("--title", default="Flame graph", help="the picture's title")
    parser.add_argument("--unit", choices=("bytes", "count"), default="bytes", help="of the numbers")
    parser.add_argument("--width", type=int, default=1200, metavar="PIXELS", help="of the picture; 1200")
    parser.add_argument("--json", action="store_true", help="the tree as JSON instead of the picture")


class Frame:
    """A function, called along one way."""

    def __init__(self, name):
        self.name = name
        self.value = 0
        self.callees = {}

    def add(self, names, value):
        frame = self
        frame.value += value
        for name in names:
            frame = frame.callees.setdefault(name, Frame(name))
            frame.value += value

    def sorted(self):
        return sorted(self.callees.values(), key=lambda frame: frame.name)


def read(lines):
    """The tree of all stacks."""
    root = Frame("all")
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line:
            continue
        stack, _, value = line.rpartition(" ")
        try:
            weight = float(value)
        except ValueError:
            weight = -1
        if not stack or not 0 <= weight < float("inf"):
            raise Failure(f"line {number} is no folded stack: '{line[:60]}'", BAD_INPUT)
        root.add(stack.strip().split(";")[:DEPTH_MOST], weight)
    if root.value == 0:
        raise Failure("no stacks: there is nothing to draw", BAD_INPUT)
    return root


def colour_of(name):
    """Warm, and the same for the same name."""
    digest = zlib.crc32(name.encode("utf-8", "replace"))
    return f"#{205 + digest % 50:02x}{90 + (digest >> 8) % 120:02x}{30 + (digest >> 16) % 50:02x}"


def visible(root, scale):
    """(frame, depth, where it begins) of each that is wide enough."""
    waiting = [(root, 0, 0.0)]
    while waiting:
        frame, depth, begin = waiting.pop()
        if frame.value * scale < WIDTH_LEAST:
            continue
        yield frame, depth, begin
        for callee in frame.sorted():
            waiting.append((callee, depth + 1, begin))
            begin += callee.value


def draw(root, given):
    say = amount.text if given.unit == "bytes" else lambda value: f"{value:,.0f}"
    scale = (given.width - 2 * SIDE) / root.value
    frames = list(visible(root, scale))
    height = TOP + ROW * (1 + max(depth for _, depth, _ in frames)) + SIDE
    picture = svg.Picture(given.width, height, given.title)
    picture.words(given.width / 2, 22, given.title, 15, anchor="middle")
    for frame, depth, begin in frames:
        x, y, width = SIDE + begin * scale, height - SIDE - ROW * (depth + 1), frame.value * scale
        share = 100 * frame.value / root.value
        picture.rectangle(x, y, width, ROW - 1, colour_of(frame.name), f"{frame.name}: {say(frame.value)}, {share:.1f} %")
        picture.words(x + 3, y + ROW - 5, svg.fit(frame.name, width - 6, FONT), FONT)
    return picture.text()


def tree(frame):
    """Without recursion, for stacks may be deep."""
    done = {"name": frame.name, "value": frame.value, "callees": []}
    waiting = [(frame, done)]
    while waiting:
        source, target = waiting.pop()
        for callee in source.sorted():
            target["callees"].append({"name": callee.name, "value": callee.value, "callees": []})
            waiting.append((callee, target["callees"][-1]))
    return done


def main(given):
    if given.width < 100:
        raise Failure("--width: 100 at least", USAGE)
    if given.file == "-":
        sys.stdin.reconfigure(errors="replace")
        root = read(sys.stdin)
    else:
        with open(given.file, encoding="utf-8", errors="replace") as file:
            root = read(file)
    print(json.dumps({"schema": "freehold-flame-1", **tree(root)}) if given.json else draw(root, given), end="")
    return 0
