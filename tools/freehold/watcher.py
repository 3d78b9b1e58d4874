# SPDX-License-Identifier: MIT
"""Looks at a process's live page from time to time while the process runs, and keeps the largest account."""
import contextlib
import threading

import page
import process
from failure import Failure

STARTING_SECONDS = 0.05
INTERVAL_SECONDS = 1.0


class Watcher(threading.Thread):
    """From the start to the end of a `with`. The page outlives its process, so the last account is read at the end."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.most = None  # the stats in which the most was resident
        self.ended = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def find(self):
        """The page, as soon as the process has one; None if it ends without."""
        while not self.ended.wait(STARTING_SECONDS):
            with contextlib.suppress(Failure, OSError):
                if page.descriptors(self.pid):
                    return page.open_process(self.pid)
            if not process.exists(self.pid):
                return None
        return None

    def look(self, live):
        with contextlib.suppress(Failure, OSError):
            stats = live.read(patience=0.2).stats
            if self.most is None or stats["resident"] > self.most["resident"]:
                self.most = stats

    def run(self):
        live = self.find()
        if live is None:
            return
        with live:
            while not self.ended.is_set():
                self.look(live)
                self.ended.wait(INTERVAL_SECONDS)
            self.look(live)
