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


def sum_of(estimates):
    return Estimate(*map(sum, zip(*estimates))) if estimates else Estimate()


def total(found, view):
    return sum_of([getattr(row, view) for row in found])


def largest(found, view):
    """Rows with anything in VIEW, the largest first."""
    some = [row for row in found if getattr(row, view).bytes or getattr(row, view).samples]
    return sorted(some, key=lambda row: (-getattr(row, view).bytes, -getattr(row, view).count))


def stack(row, symbols):
    """[(frame, point)], the innermost first."""
    return [(frame, point) for point in row.points for frame in symbols.frames(point)]


def each_point(found, make):
    """{point: what MAKE makes of it} of all that rows name, each once."""
    return {point: make(point) for point in {point for row in found for point in row.points}}


def functions(found, view, symbols):
    """Each Function, the one first that allocated most by itself."""
    keys_of = each_point(found, lambda point: [(frame.function, where(frame, point)) for frame in symbols.frames(point)])
    own, whole = {}, {}
    for row in largest(found, view):
        keys = [key for point in row.points for key in keys_of[point]] or [(NOWHERE, "")]
        for key in dict.fromkeys(keys):
            whole.setdefault(key, []).append(getattr(row, view))
        own.setdefault(keys[0], []).append(getattr(row, view))
    done = [Function(*key, sum_of(own.get(key, ())), sum_of(parts)) for key, parts in whole.items()]
    return sorted(done, key=lambda function: (-function.own.bytes, -function.whole.bytes))


def where(frame, point):
    """The source file of a function, or else the file that has it."""
    return (frame.file or point.path).rpartition("/")[2]


def folded(found, view, symbols, value):
    """Lines for a flame graph, the outermost function first. What shrank is left out."""
    names_of = each_point(found, lambda point: [process.printable(frame.function.replace(";", ":"))
                                                for frame in reversed(symbols.frames(point))])
    sums = {}
    for row in found:
        line = ";".join(name for point in reversed(row.points) for name in names_of[point]) or NOWHERE
        sums[line] = sums.get(line, 0) + getattr(getattr(row, view), value)
    return [f"{line} {size}" for line, size in sorted(sums.items()) if size > 0]


def with_error(estimate):
    """12.0 MiB ± 1.0 MiB"""
    return f"{amount.text(estimate.bytes)} \u00b1 {amount.text(estimate.error)}"
