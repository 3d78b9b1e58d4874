# SPDX-License-Identifier: MIT
"""Servers under load on this machine: started on an allocator, measured, and ended in every case."""
import contextlib
import getpass
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

STARTING_SECONDS = 30


def end_on_signals():
    """Turns the signals that end this process into SystemExit, so that each `with` ends its server."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda caught, _: sys.exit(128 + caught))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def connect(address):
    """A stream to ADDRESS: the path of a Unix socket or the number of a local port."""
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address))
    stream = socket.socket(socket.AF_UNIX)
    try:
        stream.connect(address)
    except OSError:
        stream.close()
        raise
    return stream


class Server:
    """A process with further environment `variables` that listens on `address` from the start of a `with` to
    its end. `status` is how it exited."""

    def __init__(self, command, address, variables, **options):
        self.command = command
        self.address = address
        self.variables = variables
        self.options = options
        self.process = None
        self.status = None

    def __enter__(self):
        # The kernel ends the server if this script is killed before it can.
        command = ["setpriv", "--pdeathsig", "KILL", "env", *(f"{k}={v}" for k, v in self.variables.items()),
                   *self.command]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **self.options)
        deadline = time.monotonic() + STARTING_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), connect(self.address):
                return self
            time.sleep(0.02)
        self.__exit__()
        raise RuntimeError(f"{self.command[0]} does not listen on {self.address}")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.status = self.process.wait()

    def memory(self):
        """What the server has used so far, under the names of a result line."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            peak = int(re.search(r"VmHWM:\s*(\d+)", status.read()).group(1))
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return {"peak_rss_kib": peak, "minor_faults": int(fields[7]), "major_faults": int(fields[9])}


def redis(directory, variables, *arguments, **options):
    """A redis-server without persistence."""
    address = os.path.join(directory, "redis.sock")
    return Server(["redis-server", "--port", "0", "--unixsocket", address, "--dir", directory, "--save", "",
                   "--appendonly", "no", "--loglevel", "warning", *arguments],
                  address, variables, **options)


def memcached(variables, *arguments, **options):
    port = free_port()
    return Server(["memcached", "-l", "127.0.0.1", "-p", str(port), "-u", getpass.getuser(), *arguments], port,
                  variables, **options)


def load_redis(server, requests, size, commands="set,get,incr,lpush,lpop,sadd,hset,zadd"):
    """REQUESTS of each command with SIZE bytes under random keys, 50 clients with 16 requests in flight each;
    returns the number of operations."""
    subprocess.run(["redis-benchmark", "-s", server.address, "-c", "50", "-P", "16", "-r", "100000",
                    "-n", str(requests), "-d", str(size), "-t", commands, "-q"],
                   check=True, stdout=subprocess.DEVNULL)
    return requests * len(commands.split(","))


class MemcachedClient(threading.Thread):
    """Sets keys of its own to values of 1 to 16,000 bytes and gets them back, many requests in flight, until
    the deadline. Each value says which key and turn it belongs to; `error` is the first that did not."""
    KEYS = 500
    BATCH = 50

    def __init__(self, server, number, deadline):
        super().__init__()
        self.stream = connect(server.address)
        self.replies = self.stream.makefile("rb")
        self.number = number
        self.deadline = deadline
        self.operations = 0
        self.error = None

    def value(self, key, turn):
        mark = b"%d.%d.%d " % (self.number, key, turn)
        return mark * (1 + (key * 7919 + turn * 104729) % 16000 // len(mark))

    def expect(self, wanted):
        found = self.replies.read(len(wanted))
        if found != wanted:
            raise ValueError(f"client {self.number}: expected {wanted[:60]}, found {found[:60]}")

    def exchange(self, keys, turn):
        values = [(b"%d.%d" % (self.number, key), self.value(key, turn)) for key in keys]
        self.stream.sendall(b"".join(b"set %b 0 0 %d\r\n%b\r\n" % (name, len(value), value)
                                     for name, value in values))
        self.expect(b"STORED\r\n" * len(values))
        self.stream.sendall(b"get " + b" ".join(name for name, _ in values) + b"\r\n")
        self.expect(b"".join(b"VALUE %b 0 %d\r\n%b\r\n" % (name, len(value), value) for name, value in values)
                    + b"END\r\n")
        self.operations += 2 * len(values)

    def run(self):
        turn = 0
        with self.stream, self.replies:
            while time.monotonic() < self.deadline and not self.error:
                try:
                    for first in range(0, self.KEYS, self.BATCH):
                        self.exchange(range(first, first + self.BATCH), turn)
                except (OSError, ValueError) as error:
                    self.error = str(error)
                turn += 1


def load_memcached(server, seconds, clients=4):
    """Sets and gets for SECONDS, every value compared; returns the number of operations."""
    deadline = time.monotonic() + seconds
    threads = [MemcachedClient(server, number, deadline) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [thread.error for thread in threads if thread.error]
    if errors:
        raise RuntimeError(errors[0])
    return sum(thread.operations for thread in threads)
