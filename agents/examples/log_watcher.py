#!/usr/bin/env python3
"""Follows a log file and says how many new lines hold a word, such as ERROR. One file, python3 and nothing else.

Alone:               LOG_FILE=/var/log/syslog ./log_watcher.py
Under a coordinator: settings come from the agent's `config` table, else from the environment.

It does not keep its place in the file: it starts at the end, as `tail -F` does.
"""

import json
import os
import select
import signal
import sys
import time

SUPERVISED = bool(os.environ.get("AGENT_NAME"))


class Coordinator:
    """The wire: messages out on stdout, messages in on stdin. A wait for messages is also the agent's sleep."""

    def __init__(self):
        self.seq = 0
        self.buffer = b""
        self.inputs = [0]
        # A signal writes one byte here and so ends the wait, whenever it comes.
        self.woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)

    def send(self, type_, /, **fields):
        # flush: a pipe is buffered, and a heartbeat in a buffer is no heartbeat.
        print(json.dumps({"type": type_, **fields}), flush=True)

    def heartbeat(self, status, message, **metrics):
        self.seq += 1
        self.send("heartbeat", seq=self.seq, status=status, message=message, metrics=metrics,
                  ts_ms=int(time.time() * 1000))

    def wait(self, seconds):
        """The next message, or None once the time is over. A signal counts as a `stop` message."""
        until = time.monotonic() + seconds
        while True:
            line, newline, rest = self.buffer.partition(b"\n")
            if newline:
                self.buffer = rest
                try:
                    message = json.loads(line)
                except ValueError:
                    continue
                if isinstance(message, dict):
                    return message
                continue
            left = max(0.0, until - time.monotonic())
            ready, _, _ = select.select(self.inputs + [self.woken], [], [], left)
            if self.woken in ready:
                return {"type": "stop"}
            if not ready:
                return None
            chunk = os.read(0, 65536)
            self.buffer += chunk
            if not chunk:
                # The coordinator is gone. Alone, an agent has nobody there in the first place.
                self.inputs = []
                if SUPERVISED:
                    return {"type": "stop"}


class LogWatcher:
    """The work: what this agent is for."""

    def __init__(self, path, word):
        self.path, self.word = path, word.encode()
        self.file = None
        self.lines = 0
        self.matches = 0

    def round(self):
        """Reads what is new and returns how many of these lines hold the word."""
        if self.file is None:
            self.file = open(self.path, "rb")
            self.file.seek(0, os.SEEK_END)
        found = 0
        while line := self.file.readline():
            if not line.endswith(b"\n"):
                # Half a line: come back when it is whole.
                self.file.seek(-len(line), os.SEEK_CUR)
                break
            self.lines += 1
            found += self.word in line
        self.matches += found
        self.reopen_if_rotated()
        return found

    def reopen_if_rotated(self):
        there, here = os.stat(self.path), os.fstat(self.file.fileno())
        if (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino) or there.st_size < self.file.tell():
            self.file.close()
            self.file = open(self.path, "rb")


def main():
    coordinator = Coordinator()
    coordinator.send("hello", protocol=1, name="log-watcher")
    config = {}
    if SUPERVISED:
        message = coordinator.wait(30) or {}
        if message.get("type") == "stop":
            return 0
        config = message.get("config") or {}
    path = config.get("log_file") or os.environ.get("LOG_FILE", "/var/log/syslog")
    word = config.get("word") or os.environ.get("LOG_WORD", "ERROR")
    interval = float(config.get("interval_seconds") or os.environ.get("INTERVAL_SECONDS", 5))
    watcher = LogWatcher(path, word)
    while True:
        try:
            found = watcher.round()
            if found:
                coordinator.send("event", level="warn", kind="word_found",
                                 message=f"{found} new lines with {word} in {path}")
            coordinator.heartbeat("ok", f"{watcher.matches} lines with {word} in {path}",
                                  lines_count=watcher.lines, matches_count=watcher.matches)
        except OSError as error:
            coordinator.heartbeat("degraded", f"cannot read the log: {error}")
        # Sleeps and listens at once. Types that are not known here are ignored.
        until = time.monotonic() + interval
        while (message := coordinator.wait(max(0.0, until - time.monotonic()))) is not None:
            if message.get("type") == "stop":
                coordinator.send("stopping", reason="asked to stop")
                return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # Nobody reads any more. Python would complain once again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(4)
