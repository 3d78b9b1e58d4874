# SPDX-License-Identifier: MIT
"""What the doctor knows: the table RULES, a row for each cause of memory that no live block uses, or that grows. A row
says how many bytes the cause stands for, says it in a sentence, and what would help, with what that would give."""
import collections

import amount
import causes

Rule = collections.namedtuple("Rule", "name weigh say help")
Help = collections.namedtuple("Help", "what gain")  # gain in bytes at most, or None where nobody knows
MIB = 1 << 20
GROWTH_LEAST = MIB     # bytes of live blocks, before growth is one
GROWTH_PART = 100      # or one part in so many of them
OLD_SECONDS = 5        # a housekeeper writes the page every two seconds, or twice a second while somebody reads;
OLD_WALKS = 300        # but no more often than in a hundred times what it takes
DECAY_LONG_MS = 5000
DECAY_USUAL_MS = 1000
CACHE_USUAL_KIB = 64
NAMED = 3              # size classes or threads that a sentence names


class Facts:
    """What is known of a process: snapshots, oldest first, and how the kernel is set."""

    def __init__(self, looks, huge_pages="unknown"):
        self.looks = looks
        self.last = looks[-1]
        self.stats = self.last["stats"]
        self.page = self.last["page"]
        self.process = self.last["process"]
        self.huge_pages = huge_pages
        self.seconds = self.last.get("time", 0) - looks[0].get("time", 0)

    def pid(self):
        return self.last["process_id"]

    def is_old(self):
        """Whether the figures are of some time ago, so that they say nothing of what the kernel counts now."""
        usual = max(3 * self.page.get("period_ms", 0) / 1e3, OLD_WALKS * self.page.get("took_ns", 0) / 1e9)
        return self.page.get("age_seconds", 0) >= max(OLD_SECONDS, usual)

    def running(self):
        return [arena for arena in self.last["arenas"] if arena["state"] == "running"]

    def resting(self):
        """Arenas whose threads have done nothing between the first look and the last one; of one look, all."""
        first = {arena["thread_id"]: activity(arena) for arena in self.looks[0]["arenas"]}
        return [arena for arena in self.running()
                if len(self.looks) == 1 or first.get(arena["thread_id"]) == activity(arena)]

    def grown(self):
        """Bytes by which the live blocks have grown, if they did all the time, but for short ways back; else 0."""
        live = [look["stats"]["live"] for look in self.looks]
        growth = live[-1] - live[0]
        if growth < max(GROWTH_LEAST, live[-1] // GROWTH_PART):
            return 0
        return growth if all(after >= before - growth // 4 for before, after in zip(live, live[1:])) else 0


def activity(arena):
    return [arena.get(name, 0) for name in ("refills", "remote_frees", "drains", "claims", "adoptions",
                                            "thread_seconds")]


def listed(pairs):
    """'a (5 MiB), b (3 MiB)' of the biggest."""
    return ", ".join(f"{name} ({amount.text(size)})" for name, size in
                     sorted(pairs, key=lambda pair: -pair[1])[:NAMED] if size > 0)


def plural(count, noun):
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def stranded(facts):
    """Free in slabs whose owners rest. What was freed to them by others is counted by class, for all owners together;
    it stays longest where an owner rests."""
    free = sum(arena["owned_free"] for arena in facts.resting())
    waiting = facts.stats["in_flight"] if facts.resting() else 0
    return min(free, facts.stats["partly_used"]) + waiting


def say_stranded(facts):
    rows = [(causes.arena_name(arena), arena["owned_free"] + arena["outbox"]) for arena in facts.resting()]
    names = listed(rows)
    return (f"{plural(len(rows), 'thread')} that did nothing meanwhile own slabs whose blocks are free, or were freed by "
            f"others and wait for the owner" + (f": most have {names}" if names else "") + ".")


def help_stranded(facts):
    gain = stranded(facts)
    yield Help("Let such a thread wake now and then and call malloc_trim(0) or fh_purge(): it takes back what others have "
               "freed and gives up its empty slabs; slabs with a live block stay", gain)
    yield Help("Or let idle threads of the pool end: what they leave is used by the others, or given back", gain)


def grown_classes(facts):
    before = {row["class"]: row["used"] for row in facts.looks[0]["classes"]}
    for row in facts.last["classes"]:
        yield f"blocks of {row['block_size']} B", (row["used"] - before.get(row["class"], 0)) * row["block_size"]
    for name, field in (("large blocks", "large_bytes"), ("huge blocks", "huge_bytes")):
        yield name, facts.stats[field] - facts.looks[0]["stats"][field]


def say_growth(facts):
    growth = facts.grown()
    rate = f", {amount.text(growth / facts.seconds)} a second" if facts.seconds > 0 else ""
    return (f"live blocks grow all the time: by {amount.text(growth)} in {facts.seconds:.0f} s{rate}. It is a leak, or a "
            f"program that still fills its tables. What grows: {listed(grown_classes(facts))}.")


def help_growth(facts):
    yield Help("Look where these blocks are allocated and who should free them: no option of the allocator helps. Save "
               f"`freehold stat --json {facts.pid()}` now and compare in an hour by `freehold diff`", facts.stats["live"])
    yield Help("Until it is found, FREEHOLD_LIMIT=N (MiB) has malloc fail before the machine runs out of memory", None)


def scattered(facts):
    return facts.stats["partly_used"] - min(sum(arena["owned_free"] for arena in facts.resting()),
                                            facts.stats["partly_used"])


def say_scattered(facts):
    rows = [(f"{row['block_size']} B, {100 * causes.fullness(row):.0f} % used", causes.free_of_class(row))
            for row in facts.last["classes"]]
    names = listed(rows)
    return ("single live blocks keep slabs in which the rest is free; only blocks of the same size class can use that."
            + (f" Most is free among blocks of {names}." if names else ""))


def help_scattered(facts):
    gain = scattered(facts)
    yield Help("Allocate what lives long (caches, sessions, tables) at another time, or in other sizes, than what dies "
               "young; or copy the survivors after a burst, and free the originals", gain)
    yield Help("Sizes that drift a little from block to block: round them up to a few, so that one class serves all", gain)


def cached(facts):
    return facts.stats["cached"]


def cached_small(facts):
    """Bytes of blocks in caches; the rest is runs, of which a thread says how many only from time to time."""
    return min(cached(facts), sum(row["cached"] * row["block_size"] for row in facts.last["classes"]))


def say_cached(facts):
    rows = [(causes.arena_name(arena), arena["cached"] + arena["kept_runs"]) for arena in facts.last["arenas"]]
    holders = [row for row in rows if row[1] > 0]
    words = "freed blocks are kept in caches, to be handed out again"
    if 2 * sum(size for _, size in holders) > cached(facts):
        words += f": by {plural(len(holders), 'thread')}, most by {listed(holders)}."
    else:
        words += f", by some of {plural(len(facts.running()), 'thread')}."
    runs = cached(facts) - cached_small(facts)
    return words + (f" {amount.text(runs)} of it are runs, for blocks over 32 KiB." if runs > MIB else "")


def help_cached(facts):
    small = cached_small(facts)
    if small > MIB:
        yield Help(f"Set FREEHOLD_CACHE={CACHE_USUAL_KIB // 4}, a quarter of what is usual: smaller caches, more trips to "
                   "the slabs", small * 3 // 4)
    yield Help("Use fewer threads, or let idle ones end: a thread that ends gives its caches back", cached(facts))
    yield Help("Or let a thread call malloc_trim(0) before it waits for long: that empties its caches", cached(facts))


def waiting(facts):
    return facts.stats["free_units"] + facts.stats["kept"]


def say_waiting(facts):
    decay, keeper = facts.page.get("decay_ms", DECAY_USUAL_MS), facts.page.get("has_housekeeper", True)
    words = "memory is free for anybody, and not given back to the kernel yet: "
    if not keeper:
        return words + "the process has no housekeeper, so nobody gives it back while its threads sleep."
    if decay > DECAY_LONG_MS:
        return words + f"FREEHOLD_DECAY says that it may stay for {decay / 1000:.0f} s."
    return words + f"it goes back within {decay / 1000:g} s or a few, unless the load takes it again."


def help_waiting(facts):
    gain = waiting(facts)
    if not facts.page.get("has_housekeeper", True):
        yield Help("Leave FREEHOLD_HOUSEKEEPER at 1, in a program that makes threads; one without calls malloc_trim(0) "
                   "after a burst", gain)
        return
    if facts.page.get("decay_ms", 0) > DECAY_LONG_MS:
        yield Help(f"Set FREEHOLD_DECAY={DECAY_USUAL_MS}, which is usual", gain)
    yield Help(f"Have it given back at once: `freehold purge {facts.pid()}`, or malloc_trim(0) in the program", gain)


def say_swell(facts):
    words = "huge pages have brought in memory that no block ever used, or that was purged"
    if facts.huge_pages == "always":
        return words + ": the kernel makes them by itself (transparent_hugepage/enabled is always)."
    return words + "."


def help_swell(facts):
    gain = facts.stats["huge_page_swell"]
    yield Help("Set FREEHOLD_HUGE_PAGES=0: the library asks for none, at the price of more page faults", gain)
    if facts.huge_pages == "always":
        yield Help("Or write madvise to /sys/kernel/mm/transparent_hugepage/enabled, so that who wants them asks", gain)


def outside(facts):
    """Resident memory of the process that is not the allocator's."""
    return 0 if facts.is_old() else max(0, facts.process.get("resident", 0) - facts.stats["resident"])


def say_outside(facts):
    anonymous = facts.process.get("anonymous", 0)
    files = facts.process.get("resident", 0) - anonymous
    return (f"{amount.text(files)} are pages of files and shared memory, "
            f"{amount.text(max(0, outside(facts) - files))} are stacks, the program's data, and what it maps itself or gets "
            "from another allocator.")


RULES = (
    Rule("growth", lambda facts: facts.stats["live"] if facts.grown() else 0, say_growth, help_growth),
    Rule("sleeping owners", stranded, say_stranded, help_stranded),
    Rule("scattered blocks", scattered, say_scattered, help_scattered),
    Rule("caches", cached, say_cached, help_cached),
    Rule("not given back yet", waiting, say_waiting, help_waiting),
    Rule("huge pages", lambda facts: facts.stats["huge_page_swell"], say_swell, help_swell),
    Rule("in flight", lambda facts: 0 if facts.resting() else facts.stats["in_flight"],
         lambda facts: "blocks that one thread has freed are on the way to another, which owns their slabs.",
         lambda facts: [Help("Nothing needs to be done: the owners take them when they allocate", None)]),
    Rule("quarantine", lambda facts: facts.stats["quarantine"],
         lambda facts: "freed blocks wait at guard level 2, so that a use after free is seen.",
         lambda facts: [Help("Set FREEHOLD_GUARD=1, or a smaller FREEHOLD_QUARANTINE", facts.stats["quarantine"])]),
    Rule("samples", lambda facts: facts.stats["samples"],
         lambda facts: "sampled blocks stand between guard pages, a page or more for each.",
         lambda facts: [Help("Set FREEHOLD_SAMPLE to a larger number, or 0", facts.stats["samples"])]),
    Rule("metadata", lambda facts: facts.stats["metadata"],
         lambda facts: f"the allocator's own structures: of {plural(facts.stats['superslabs'], 'SuperSlab')} and "
                       f"{plural(facts.stats['arenas'], 'arena')}.",
         lambda facts: [Help("Fewer threads at a time have fewer arenas; these are recycled, and never unmapped", None)]),
    Rule("rounding", lambda facts: facts.stats["rounding"],
         lambda facts: "the ends of slabs are too short for one more block.",
         lambda facts: [Help("Block sizes that fit 64 KiB better (2 KiB, not 2.1) waste less", None)]),
    Rule("not the allocator's", outside, say_outside,
         lambda facts: [Help(f"See `pmap -x {facts.pid()}`; smaller stacks (ulimit -s) where there are many threads",
                             None)]),
)
