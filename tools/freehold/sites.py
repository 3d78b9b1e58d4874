# SPDX-License-Identifier: MIT
"""Sites of allocations whose frames are known: by function, as folded stacks, and what grew between two dumps."""
from typing import NamedTuple

import amount
import process
from dump import Estimate

SAME_START_SECONDS = 2  # two dumps of one process differ by no more in when it began
NOWHERE = "(no stack)"


class Row(NamedTuple):
    """A site. points are those of its frames, the innermost first."""
    points: tuple
    live: Estimate
    all: Estimate


class Function(NamedTuple):
    """What a function allocated by itself, and with all that it called."""
    name: str
    where: str
    own: Estimate
    whole: Estimate


def rows(dump, symbols):
    """A row for each stack."""
    points, found = {}, {}
    for site in dump.sites:
        for address in site.frames:
            if address not in points:
                points[address] = symbols.point(dump, address)
        stack = tuple(points[address] for address in site.frames)
        before = found.get(stack, Row(stack, Estimate(), Estimate()))
        found[stack] = Row(stack, before.live + site.live, before.all + site.all)
    return list(found.values())


def is_same_process(old, new):
    begins = [dump.time - dump.running_ms / 1000 for dump in (old, new)]
    return old.process_id == new.process_id and abs(begins[1] - begins[0]) <= SAME_START_SECONDS


def later(new, old):
    """What the same sum has grown by: the earlier one is part of the later, its samples and its error, too."""
    return (new - old)._replace(samples=new.samples - old.samples, variance=max(0.0, new.variance - old.variance))


def growth(old_rows, new_rows, same_process):
    """A row for each stack that differs."""
    grow = later if same_process else Estimate.__sub__
    nothing = Row((), Estimate(), Estimate())
    before = {row.points: row for row in old_rows}
    after = {row.points: row for row in new_rows}
    found = []
    for points in {**after, **before}:
        old, new = before.get(points, nothing), after.get(points, nothing)
        row = Row(points, new.live - old.live, grow(new.all, old.all))
        if any((row.live.bytes, row.live.count, row.all.bytes, row.all.count)):
            found.append(row)
    return found


def total(found, view):
    return sum((getattr(row, view) for row in found), Estimate())


def largest(found, view):
    """Rows with anything in VIEW, the largest first."""
    some = [row for row in found if getattr(row, view).bytes or getattr(row, view).samples]
    return sorted(some, key=lambda row: (-getattr(row, view).bytes, -getattr(row, view).count))


def stack(row, symbols):
    """[(function, file or module)], the innermost first."""
    return [(frame, point) for point in row.points for frame in symbols.frames(point)]


def functions(found, view, symbols):
    """Each Function, the one first that allocated most by itself."""
    own, whole = {}, {}
    for row in largest(found, view):
        keys = [(frame.function, where(frame, point)) for frame, point in stack(row, symbols)] or [(NOWHERE, "")]
        for key in dict.fromkeys(keys):
            whole[key] = whole.get(key, Estimate()) + getattr(row, view)
        own[keys[0]] = own.get(keys[0], Estimate()) + getattr(row, view)
    done = [Function(*key, own.get(key, Estimate()), sum_) for key, sum_ in whole.items()]
    return sorted(done, key=lambda function: (-function.own.bytes, -function.whole.bytes))


def where(frame, point):
    """The source file of a function, or else the file that has it."""
    return (frame.file or point.path).rpartition("/")[2]


def folded(found, view, symbols, value):
    """Lines for a flame graph, the outermost function first. What shrank is left out."""
    sums = {}
    for row in found:
        names = [frame.function for frame, _ in stack(row, symbols)] or [NOWHERE]
        line = ";".join(process.printable(name.replace(";", ":")) for name in reversed(names))
        sums[line] = sums.get(line, 0) + getattr(getattr(row, view), value)
    return [f"{line} {size}" for line, size in sorted(sums.items()) if size > 0]


def with_error(estimate):
    """12.0 MiB ± 1.0 MiB"""
    return f"{amount.text(estimate.bytes)} \u00b1 {amount.text(estimate.error)}"
