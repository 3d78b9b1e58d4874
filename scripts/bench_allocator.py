# SPDX-License-Identifier: MIT
"""The allocators that can be put under a program, each by a preload."""
import glob
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Taken out of the environment: Freehold would call it an unknown option.
LIBRARY = os.path.abspath(os.environ.pop("FREEHOLD_LIB", None) or os.path.join(ROOT, "build", "libfreehold.so"))

PEERS = {
    "jemalloc": "libjemalloc.so.2",
    "mimalloc": "libmimalloc.so.*",
    "tcmalloc": "libtcmalloc_minimal.so.4",
    "tbbmalloc": "libtbbmalloc_proxy.so.2",
}
DIRECTORIES = ("/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")

BINDING = re.compile(r"binding file (\S+) .* to (\S+) .*: normal symbol `malloc'")


def bindings(trace):
    """Which object's `malloc` is bound to which, by the dynamic linker's own account."""
    return {tuple(os.path.basename(path) for path in pair) for pair in BINDING.findall(trace)}


class Allocator:
    """A library under a name; `settings` are its own environment variables."""

    def __init__(self, name, path, **settings):
        self.name = name
        self.path = path
        self.settings = settings

    def variables(self):
        """The environment variables that put it under a program."""
        return {"LD_PRELOAD": self.path, **self.settings}

    def traced(self, prefix):
        """The same, and the dynamic linker writes to PREFIX.PID what each symbol is bound to."""
        return {**self.variables(), "LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": prefix}

    def serves(self, trace):
        """Whether a trace binds `malloc` to this allocator."""
        return any(library == os.path.basename(self.path) for _, library in bindings(trace))

    def strangers(self, trace):
        """The other objects that a trace binds `malloc` to."""
        own = os.path.basename(self.path)
        pairs = bindings(trace)
        # An executable at a fixed address that takes the address of malloc lends it an entry of its own, to
        # which all are bound; that entry jumps to what the executable itself is bound to.
        relays = {file for file, library in pairs if library == own and (file, file) in pairs}
        return {library for _, library in pairs} - relays - {own}

    def check(self, program):
        """Raises RuntimeError unless PROGRAM gets its malloc from this allocator: the dynamic linker goes on
        without a preload that it cannot load."""
        account = trace(program, self.variables())
        if not self.serves(account) or self.strangers(account):
            raise RuntimeError(f"{program} does not get its malloc from {self.path}")


def trace(program, variables):
    """What the dynamic linker writes of the bindings of `PROGRAM --help`."""
    run = subprocess.run([program, "--help"], env={**os.environ, **variables, "LD_DEBUG": "bindings"}, text=True,
                         errors="replace", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    return run.stderr


def installed_with(program):
    """What PROGRAM gets its malloc from if nothing is preloaded."""
    return Allocator(next(library for _, library in bindings(trace(program, {"LD_PRELOAD": ""}))), "")


def freehold():
    return Allocator("freehold", LIBRARY)


def system():
    """The C library itself as a preload: a program that links another allocator gets the system's too."""
    return Allocator("system", "libc.so.6")


def installed_peers():
    """The peers of the distribution, and those of the environment variable PEERS ("NAME=FILE ..." or "FILE ..."), which
    take the place of what has their name; "NAME=" leaves it out."""
    peers = {}
    for name, pattern in PEERS.items():
        found = sorted(path for directory in DIRECTORIES for path in glob.glob(os.path.join(directory, pattern)))
        if found:
            peers[name] = Allocator(name, found[0])
    for word in os.environ.get("PEERS", "").split():
        name, _, path = word.rpartition("=")
        name = name or os.path.basename(path).removeprefix("lib").split(".")[0]
        peers[name] = Allocator(name, os.path.abspath(path)) if path else None
    return [peer for peer in peers.values() if peer]
