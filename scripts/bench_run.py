# SPDX-License-Identifier: MIT
"""Runs of the stress programs: one command on one allocator, and its result line."""
import os
import subprocess

from bench_allocator import ROOT

STRESS = os.path.join(ROOT, "build", "stress")


class Failure(Exception):
    """A run that gave no result, and why."""


def parse(output):
    """The keys and values of the result line that ends the output of a stress program."""
    lines = output.strip().splitlines()
    if not lines or not lines[-1].startswith("result "):
        raise Failure("no result line")
    pairs = dict(word.split("=", 1) for word in lines[-1].split()[1:])
    return {key: number(value) for key, value in pairs.items()}


def number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def run(allocator, command, timeout, **variables):
    """The result and the whole output of `build/stress/COMMAND`."""
    program, *arguments = command.split()
    try:
        process = subprocess.run([os.path.join(STRESS, program), *arguments], text=True, errors="replace",
                                 env={**os.environ, **allocator.variables(), **variables},
                                 stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"still running after {timeout:.0f} s") from late
    if process.returncode:
        evidence = (process.stderr.strip() or process.stdout.strip() or "no output").splitlines()[-1]
        raise Failure(f"exit status {process.returncode}: {evidence}")
    if "freehold:" in process.stderr:
        raise Failure(process.stderr.strip().splitlines()[-1])
    return parse(process.stdout), process.stdout
