# SPDX-License-Identifier: MIT
"""What the figures of a benchmark depend on besides Freehold: the machine and the versions of the peers."""
import os
import platform
import re
import subprocess

CORES = len(os.sched_getaffinity(0))


def package_version(path):
    """The version of the package that a library is from, or else its file's name, which may tell it."""
    query = subprocess.run(["dpkg-query", "-S", os.path.realpath(path)], capture_output=True, text=True, check=False)
    package = query.stdout.partition(": ")[0]
    if not package:
        return os.path.basename(path).removesuffix(".so")
    version = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True,
                             check=False)
    return version.stdout


def machine():
    """What the figures depend on besides the allocators."""
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        model = re.search(r"(?:model name|Model|CPU part)\s*: (.*)", cpuinfo.read())
    with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as modes:
        huge_pages = re.search(r"\[(.*)\]", modes.read()).group(1)
    return (f"{model.group(1) if model else platform.machine()}, {CORES} cores; Linux {platform.release()}; "
            f"{' '.join(platform.libc_ver())}; transparent huge pages: {huge_pages}")
