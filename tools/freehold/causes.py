# SPDX-License-Identifier: MIT
"""The causes of resident memory in words, in the order of the account."""

CAUSES = {
    "live": "blocks that the program has",
    "rounding": "ends of slabs where no block fits",
    "cached": "freed, in threads' caches",
    "in_flight": "freed by other threads, on the way to the owner",
    "partly_used": "free in slabs that are in use",
    "free_units": "free units, not yet given back",
    "kept": "free granules, not yet given back",
    "quarantine": "freed, and waiting at guard level 2",
    "samples": "sampled blocks with their pages",
    "metadata": "the allocator's own structures",
    "huge_page_swell": "never used: huge pages brought it",
}


def largest(stats):
    """[(name, bytes)] of the causes that are there, the biggest first."""
    return sorted(((name, stats[name]) for name in CAUSES if stats[name]), key=lambda pair: -pair[1])


def free_of_class(row):
    """Resident bytes of a size class that no block uses: free in its slabs. Blocks that are used are taken to be
    resident."""
    return max(0, row["resident"] - row["used"] * row["block_size"])


def fullness(row):
    """Which share of a class's slabs blocks use."""
    return row["used"] * row["block_size"] / row["slab_bytes"] if row["slab_bytes"] else 0.0


def arena_name(arena):
    """As people call it: by its thread."""
    if arena["state"] == "running":
        return f"{arena.get('thread_name') or '?'} ({arena['thread_id']})"
    return arena["state"]


def held(arena):
    """Bytes that an arena has and no block uses."""
    return arena["owned_free"] + arena["cached"] + arena["kept_runs"] + arena["outbox"]
