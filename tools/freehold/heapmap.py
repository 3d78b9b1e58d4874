# SPDX-License-Identifier: MIT
"""`map`: the heap as a picture, by region, granule and unit."""
import collections
import json

import amount
import page
import process
import svg
from failure import USAGE, Failure

DESCRIPTION = """Writes a picture of the heap as SVG to standard output: each region with its granules of 4 MiB, each SuperSlab
with its units. The darker a slab is, the more of it is used; hovering says what it is, and whose. Of a large heap each
box stands for a granule, or for several."""
UNITS = 64
BOXES_MOST = 10000   # more would make a large file
SLOTS_ACROSS = 4     # granules in a row, if their units are shown
CELLS_ACROSS = 64    # if they are not
UNIT_PIXELS = 4
SLOT_HEIGHT, SLOT_GAP = 11, 4
CELL_PIXELS, CELL_GAP = 14, 2
SIDE, TOP = 16, 92
WIDTH = 2 * SIDE + SLOTS_ACROSS * (UNITS * UNIT_PIXELS + SLOT_GAP)
EMPTY, FULL = (0xdd, 0xee, 0xdd), (0x0b, 0x4f, 0x2a)  # a slab's colour, by how much of it is used
COLOURS = {"clean": "#f1f1f1", "dirty": "#f2a13c", "run": "#3b78c4", "kept run": "#f6c88a", "huge": "#7a4fb0",
           "kept huge": "#cdb5e8", "limbo": "#d9534f"}
Box = collections.namedtuple("Box", "first units colour title")  # units of a granule that are one thing
# resident and used are parts of 1; boxes makes the list of them, of which there are about `count`.
Granule = collections.namedtuple("Granule", "address kind resident used boxes count")


def arguments(parser):
    parser.add_argument("target", metavar="PID", help="the process; or a copy of a page")
    parser.add_argument("--json", action="store_true", help="what would be drawn as JSON")
    parser.add_argument("--boxes", type=int, default=BOXES_MOST, metavar="N",
                        help=f"boxes at most; {BOXES_MOST}. More show more, in a larger file")


def shade(part):
    return "#" + "".join(f"{round(low + (high - low) * min(1.0, part)):02x}" for low, high in zip(EMPTY, FULL))


class Heap:
    """A reading of a page as granules with boxes."""

    def __init__(self, view, names):
        self.view = view
        self.names = names
        self.superslabs = {row["address"]: row["units"] for row in view.superslabs}
        self.regions = [(row["address"], list(self.granules_of(row))) for row in view.regions]
        known = {granule.address for _, granules in self.regions for granule in granules}
        rest = [self.superslab(row["address"]) for row in view.superslabs if row["address"] not in known]
        if rest:
            self.regions.append((None, rest))
        self.regions = [region for region in self.regions if region[1]]

    def granules_of(self, row):
        huge = sorted((block["address"], block) for block in self.view.huge)
        for place, (kind, resident) in enumerate(page.GRANULE.iter_unpack(row["granules"])):
            address = row["address"] + place * self.view.header["granule_bytes"]
            if kind == page.GRANULE_SUPERSLAB and address in self.superslabs:
                yield self.superslab(address)
            elif kind != page.GRANULE_NONE:
                yield self.plain(address, kind, resident / 64, huge)

    def plain(self, address, kind, resident, huge):
        words = {page.GRANULE_CLEAN: "clean", page.GRANULE_DIRTY: "dirty", page.GRANULE_LIMBO: "limbo",
                 page.GRANULE_HUGE: "huge"}.get(kind, "clean")
        title = {"clean": "free, the kernel has its pages", "dirty": "free, not given back yet",
                 "limbo": "waits for a grace period"}.get(words, "a huge block")
        if words == "huge":
            for start, block in huge:
                if start <= address < start + block["length"]:
                    words = "kept huge" if block["is_kept"] else "huge"
                    title = (f"{'freed huge block, kept' if block['is_kept'] else 'huge block'} of "
                             f"{amount.text(block['length'])} at {start:#x}")
        title = f"{address:#x}: {title}, {100 * resident:.0f} % resident"
        boxes = [Box(0, UNITS, COLOURS[words], title)]
        return Granule(address, words, resident, words == "huge", lambda: boxes, 1)

    def owner(self, number):
        if number == 0:
            return "no owner"
        if number == page.OWNER_UNKNOWN or number > len(self.view.arenas):
            return "owner not known"
        arena = self.view.arenas[number - 1]
        name = self.names.get(arena["thread_id"], ("thread",))[0]
        return f"owner {name} ({arena['thread_id']})"

    def class_bytes(self, number):
        return self.view.classes[number]["block_size"] if number < len(self.view.classes) else 0

    def thing(self, address, first, units):
        """The box of units that are one slab, run, or stretch of free units; each is (kind, class, fullness, resident,
        owner)."""
        kind, size_class, fullness, _, owner = units[0]
        kind &= ~page.UNIT_FIRST
        resident = sum(unit[3] for unit in units) / (16 * len(units))
        place = f"{address + first * self.view.header['unit_bytes']:#x}: "
        length = amount.text(len(units) * self.view.header["unit_bytes"])
        state = f"{length}, {100 * resident:.0f} % resident"
        if kind == page.UNIT_SLAB:
            title = (f"{place}slab of {self.class_bytes(size_class)} B blocks, {100 * fullness / 15:.0f} % used, {state}, "
                     f"{self.owner(owner)}")
            return Box(first, len(units), shade(fullness / 15), title)
        words, what = {page.UNIT_DIRTY: ("dirty", "free, not given back yet"), page.UNIT_RUN: ("run", "large block"),
                       page.UNIT_KEPT_RUN: ("kept run", "freed run, kept by a thread")}.get(
                           kind, ("clean", "free, the kernel has its pages"))
        return Box(first, len(units), COLOURS[words], f"{place}{what}, {state}")

    def boxes_of(self, address):
        units = list(page.UNIT.iter_unpack(self.superslabs[address]))
        boxes, first = [], 0
        for place in range(1, UNITS + 1):
            if place < UNITS and goes_on(units[first][0], units[place][0]):
                continue
            if units[first][0] != page.UNIT_NONE:
                boxes.append(self.thing(address, first, units[first:place]))
            first = place
        return boxes

    def superslab(self, address):
        units = self.superslabs[address]
        kinds, fullness, resident = units[0::page.UNIT.size], units[2::page.UNIT.size], units[3::page.UNIT.size]
        used = sum(full / 15 if kind & 0x7f == page.UNIT_SLAB else kind & 0x7f == page.UNIT_RUN
                   for kind, full in zip(kinds, fullness)) / UNITS
        count = 1 + sum(not goes_on(before, after) for before, after in zip(kinds, kinds[1:]))
        return Granule(address, "SuperSlab", sum(resident) / (16 * UNITS), used, lambda: self.boxes_of(address), count)


def goes_on(before, after):
    """Whether a unit of kind AFTER, the first of nothing, is of the same thing as the one before it."""
    return before & ~page.UNIT_FIRST == after


def grouped(granules, count):
    """Each COUNT granules as one (address, granules, how full, title)."""
    for place in range(0, len(granules), count):
        group = granules[place:place + count]
        used = sum(granule.used for granule in group) / len(group)
        resident = sum(granule.resident for granule in group) / len(group)
        kinds = collections.Counter(granule.kind for granule in group)
        if len(group) == 1 and group[0].kind != "SuperSlab":
            _, _, colour, title = group[0].boxes()[0]
        else:
            what = ", ".join(f"{number} {kind}" if len(group) > 1 else kind for kind, number in kinds.most_common())
            title = f"{group[0].address:#x}: {what}, {100 * used:.0f} % used, {100 * resident:.0f} % resident"
            kind = kinds.most_common(1)[0][0]
            colour = shade(used) if kind == "SuperSlab" else COLOURS[kind]
        yield colour, title


def level(heap, most):
    """0: units are shown; else how many granules a box stands for."""
    boxes = sum(granule.count for _, granules in heap.regions for granule in granules)
    if boxes <= most:
        return 0
    count = 1
    while sum(-(-len(granules) // count) for _, granules in heap.regions) > most:
        count += 1
        if count > 1 << 20:
            raise Failure("--boxes: too few for so many regions", USAGE)
    return count


def rows_of(granules, count):
    if count == 0:
        return -(-len(granules) // SLOTS_ACROSS)
    return -(-(-(-len(granules) // count)) // CELLS_ACROSS)


def legend(picture, count):
    x = SIDE
    for colour, words in ((shade(0), "empty slab"), (shade(0.5), "half used"), (shade(1), "full"),
                          (COLOURS["run"], "large"), (COLOURS["huge"], "huge"), (COLOURS["dirty"], "free, dirty"),
                          (COLOURS["kept run"], "kept"), (COLOURS["clean"], "given back"), (COLOURS["limbo"], "limbo")):
        picture.rectangle(x, 52, 11, 11, colour, edge="#888")
        picture.words(x + 15, 61.5, words, 11)
        x += 15 + svg.LETTER * 11 * len(words) + 14
    each = "a row of 64 units is a granule of 4 MiB" if count == 0 else \
        f"a box is {'a granule' if count == 1 else f'{count} granules'} of 4 MiB"
    picture.words(SIDE, 80, each, 11, "#666")


def draw_region(picture, y, address, granules, count):
    words = f"region at {granules[0].address:#x}" if address is not None else "outside of regions"
    picture.words(SIDE, y + 11, f"{words}: {len(granules):,} granule{'s' * (len(granules) != 1)}, {amount.text(len(granules) << 22)}", 11)
    y += 17
    if count:
        for place, (colour, title) in enumerate(grouped(granules, count)):
            picture.rectangle(SIDE + place % CELLS_ACROSS * (CELL_PIXELS + CELL_GAP),
                              y + place // CELLS_ACROSS * (CELL_PIXELS + CELL_GAP), CELL_PIXELS, CELL_PIXELS, colour, title)
        return
    for place, granule in enumerate(granules):
        left = SIDE + place % SLOTS_ACROSS * (UNITS * UNIT_PIXELS + SLOT_GAP)
        top = y + place // SLOTS_ACROSS * (SLOT_HEIGHT + SLOT_GAP)
        for box in granule.boxes():
            picture.rectangle(left + box.first * UNIT_PIXELS, top, box.units * UNIT_PIXELS - 0.4, SLOT_HEIGHT, box.colour,
                              box.title)


def height_of(granules, count):
    return 17 + rows_of(granules, count) * (CELL_PIXELS + CELL_GAP if count else SLOT_HEIGHT + SLOT_GAP) + 10


def own_mappings(heap):
    """Huge blocks that lie in no region."""
    places = [(granules[0].address, granules[-1].address) for address, granules in heap.regions if address is not None]
    return [block for block in heap.view.huge
            if not any(first <= block["address"] <= last for first, last in places)]


def draw(heap, name, most):
    stats = heap.view.stats
    count = level(heap, most)
    alone = own_mappings(heap)[:most]
    height = TOP + sum(height_of(granules, count) for _, granules in heap.regions) + (27 + 13 * len(alone) if alone else 0)
    who = f"process {heap.view.header['process_id']}{f' ({name})' if name else ''}"
    picture = svg.Picture(WIDTH, max(height, TOP + 10), f"The heap of {who}")
    picture.words(SIDE, 22, f"The heap of {who}", 15)
    picture.words(SIDE, 41, f"{amount.text(stats['live'])} live, {amount.text(stats['resident'])} resident, "
                            f"{amount.text(stats['reserved'])} reserved; {stats['superslabs']:,} SuperSlabs, "
                            f"{stats['huge_blocks']:,} huge blocks", 12)
    legend(picture, count)
    y = TOP
    for address, granules in heap.regions:
        draw_region(picture, y, address, granules, count)
        y += height_of(granules, count)
    if alone:
        picture.words(SIDE, y + 11, "huge blocks with mappings of their own", 11)
    longest = max((block["length"] for block in alone), default=1)
    for place, block in enumerate(alone):
        picture.rectangle(SIDE, y + 17 + 13 * place, max(2, (WIDTH - 2 * SIDE) * block["length"] / longest), 11,
                          COLOURS["kept huge" if block["is_kept"] else "huge"],
                          f"{block['address']:#x}: huge block of {amount.text(block['length'])}")
    return picture.text()


def as_json(heap):
    return {"schema": "freehold-map-1", "process_id": heap.view.header["process_id"], "stats": heap.view.stats,
            "regions": [{"address": address, "granules": [
                {"address": granule.address, "kind": granule.kind, "resident": round(granule.resident, 3),
                 "used": round(float(granule.used), 3),
                 "boxes": [{"unit": box.first, "units": box.units, "says": box.title} for box in granule.boxes()]}
                for granule in granules]} for address, granules in heap.regions],
            "huge": heap.view.huge}


def main(given):
    if given.boxes < 1:
        raise Failure("--boxes: 1 or more", USAGE)
    pid = int(given.target) if process.is_number(given.target) else None
    with page.open_target(given.target) as live:
        view = live.fresh(names=page.TABLES) if pid else live.read(names=page.TABLES)
    heap = Heap(view, process.threads(pid) if pid else {})
    print(json.dumps(as_json(heap)) if given.json else draw(heap, process.name(pid) if pid else "", given.boxes), end="")
    return 0
