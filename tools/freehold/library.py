# SPDX-License-Identifier: MIT
"""Where libfreehold.so is, and whether a program can be preloaded with it."""
import glob
import os
import shutil
import stat
import struct
import subprocess

from failure import RUN_DENIED, RUN_FAILED, RUN_UNKNOWN, Failure

NAME = "libfreehold.so.0"
HERE = os.path.dirname(os.path.realpath(__file__))
PT_INTERP = 3


def beside():
    """Candidates in the tree that this command stands in: PREFIX/share/freehold, or tools/freehold of the sources."""
    prefix = os.path.dirname(os.path.dirname(HERE))
    for folder in ("lib", "lib/*", "lib64"):
        yield from sorted(glob.glob(os.path.join(prefix, folder, NAME)))
    yield os.path.join(prefix, "build", "libfreehold.so")


def by_pkg_config():
    if shutil.which("pkg-config"):
        answer = subprocess.run(["pkg-config", "--variable=libdir", "freehold"], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip():
            yield os.path.join(answer.stdout.strip(), NAME)


def find(wanted=None):
    """The library's path: WANTED, or the first that is beside this command, in the build folder, or that pkg-config
    knows."""
    candidates = [wanted] if wanted else [*beside(), *by_pkg_config()]
    for path in candidates:
        if os.path.isfile(path) and os.access(path, os.R_OK):
            path = os.path.realpath(path)
            if any(letter in path for letter in ": \t\n"):
                raise Failure(f"the loader splits LD_PRELOAD at spaces and colons, and there is one in '{path}'",
                              RUN_FAILED)
            return path
    if wanted:
        raise Failure(f"there is no library '{wanted}'", RUN_FAILED)
    raise Failure("no library found: neither beside this command nor in build/ nor by pkg-config. "
                  "Build it (make), install it (make install), or name it: --library FILE", RUN_FAILED)


def program(name):
    """The file that NAME would run."""
    path = shutil.which(name)
    if path:
        return path
    if os.path.sep in name and os.path.exists(name):
        raise Failure(f"'{name}' is no program that may be run", RUN_DENIED)
    raise Failure(f"there is no command '{name}'", RUN_UNKNOWN)


def is_static(path):
    """Whether an ELF file names no loader. What is no ELF file has an interpreter that is looked at by nobody here."""
    with open(path, "rb") as file:
        head = file.read(64)
        if head[:4] != b"\x7fELF" or len(head) < 64 or head[4] != 2:
            return False
        table, = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        file.seek(table)
        headers = file.read(size * count)
    return all(struct.unpack_from("<I", headers, place)[0] != PT_INTERP for place in range(0, len(headers), size))


def why_not(path):
    """Why a preload would do nothing for the program, or None."""
    try:
        mode = os.stat(path).st_mode
        if is_static(path):
            return "is linked statically"
    except (OSError, struct.error):
        return None
    if mode & (stat.S_ISUID | stat.S_ISGID) and os.geteuid() != 0:
        return "runs with more rights than its user"
    return None
