# SPDX-License-Identifier: MIT
"""What the tests of the command share. Each is a file of unittest cases, and begins with `import harness`."""
import functools
import os
import shutil
import struct
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TOOL = os.path.join(ROOT, "tools", "freehold")
COMMAND = os.path.join(TOOL, "freehold")
LIBRARY = os.path.realpath(os.environ.get("FREEHOLD_LIB") or os.path.join(ROOT, "build", "libfreehold.so"))
sys.dont_write_bytecode = True
sys.path.insert(0, TOOL)


def environment(**changes):
    """Without what the caller's shell would change, and with CHANGES."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("FREEHOLD_") and name not in ("LD_PRELOAD", "NO_COLOR")}
    return {**kept, **changes}


def freehold(*arguments, command=COMMAND, **more):
    """The finished process of `freehold ARGUMENT...`."""
    more.setdefault("env", environment())
    if "input" not in more:
        more["stdin"] = subprocess.DEVNULL
    return subprocess.run([command, *map(str, arguments)], capture_output=True, text=True,
                          timeout=100, check=False, **more)


def copy(folder):
    """The command, copied into FOLDER for a user who may not look at the sources."""
    shutil.copytree(TOOL, os.path.join(folder, "freehold"), ignore=shutil.ignore_patterns("__pycache__"))
    return os.path.join(folder, "freehold", "freehold")


def open_to_all(folder):
    for place, folders, _ in os.walk(folder):
        for name in ("", *folders):
            os.chmod(os.path.join(place, name), 0o755)


def has(program):
    return shutil.which(program) is not None


@functools.cache
def library_has(words):
    """Whether the library has a name, or another string, in it."""
    with open(LIBRARY, "rb") as file:
        return words.encode() in file.read()


def needs(*programs):
    """A decorator: the test is left out, and says so, where a program is missing."""
    missing = [name for name in programs if not has(name)]
    return unittest.skipIf(missing, f"{' '.join(missing)} is missing")


class Case(unittest.TestCase):
    maxDiff = None

    def passes(self, *arguments, **more):
        """What `freehold ARGUMENT...` prints; it fails the test if it does not end well, or says anything else."""
        process = freehold(*arguments, **more)
        self.assertEqual(0, process.returncode, process.stderr)
        self.assertEqual("", process.stderr)
        return process.stdout

    def refuses(self, status, words, *arguments, **more):
        """It ends with STATUS and one line that has WORDS."""
        process = freehold(*arguments, **more)
        self.assertEqual(status, process.returncode, process.stderr)
        self.assertIn(words, process.stderr)
        self.assertNotIn("Traceback", process.stderr)
        self.assertEqual("", process.stdout)


def render(picture, folder):
    """Has the picture drawn by librsvg, which must not complain. Returns the width and height."""
    source, target = os.path.join(folder, "picture.svg"), os.path.join(folder, "picture.png")
    with open(source, "w", encoding="utf-8") as file:
        file.write(picture)
    process = subprocess.run(["rsvg-convert", "--unlimited", "-o", target, source], capture_output=True, text=True,
                             check=True, timeout=100)
    assert process.stderr == "", process.stderr
    with open(target, "rb") as file:
        head = file.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def browse(picture, folder):
    """Has the picture opened by a browser. Returns the document as it has it: of what is no SVG, an error in words."""
    source = os.path.join(folder, "picture.svg")
    with open(source, "w", encoding="utf-8") as file:
        file.write(picture)
    process = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                              f"--user-data-dir={os.path.join(folder, 'browser')}", "--dump-dom", f"file://{source}"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                             timeout=300, env=environment(HOME=folder))
    return process.stdout.decode()


def main():
    """Runs the cases of the calling file. A file whose every case is left out is one that the machine lacks
    something for: status 77."""
    program = unittest.main(exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    if result.skipped and len(result.skipped) == result.testsRun:
        print(result.skipped[0][1])
        sys.exit(77)
