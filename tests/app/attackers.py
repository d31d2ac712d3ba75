"""Misbehaving strangers on the engine's socket, as a program of their own.

``python -m tests.app.attackers KIND SOCKET NUMBER`` attacks until its standard input closes, then
prints how many connections it made. It runs at the lowest priority, because strangers have machines
of their own: what is measured is what they cost the engine.
"""

from __future__ import annotations

import os
import resource
import selectors
import socket
import sys
import time

PREFIX_64_MIB = (64 * 1024 * 1024).to_bytes(4, "big")
BEGUN = (2_000).to_bytes(4, "big")
"""The length of a hello that never ends."""
LORIS_S = 0.1


class Strangers:
    """``number`` connections of one kind; whichever the engine closes is opened again."""

    def __init__(self, kind: str, path: str, number: int) -> None:
        self.made = 0
        self._kind, self._path, self._number = kind, path, number
        self._open: list[socket.socket] = []
        self._byte_at = 0.0

    def attack(self) -> None:
        if len(self._open) < self._number:
            self._connect()
        elif self._kind != "held":
            time.sleep(0.005)
        if self._kind == "loris" and time.monotonic() >= self._byte_at:
            self._byte_at = time.monotonic() + LORIS_S
            for one in list(self._open):
                self._send(one, b"\0")
        if self._kind != "held":
            for one in list(self._open):
                self._look(one)
        else:
            time.sleep(0.0005)

    def _connect(self) -> None:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.setblocking(False)
        try:
            one.connect(self._path)
        except OSError:  # the queue of the listener is full: so it should be
            one.close()
            time.sleep(0.002)
            return
        self.made += 1
        self._open.append(one)
        first = {"prefix": PREFIX_64_MIB + b"x" * 4096, "loris": BEGUN}.get(self._kind)
        if first is not None:
            self._send(one, first)

    def _send(self, one: socket.socket, data: bytes) -> None:
        try:
            one.send(data)
        except OSError:
            self._forget(one)

    def _look(self, one: socket.socket) -> None:
        try:
            ended = one.recv(65_536) == b""
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            self._forget(one)

    def _forget(self, one: socket.socket) -> None:
        if one in self._open:
            self._open.remove(one)
        one.close()


def main() -> None:
    os.nice(19)
    kind, path, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    strangers = Strangers(kind, path, number)
    with selectors.DefaultSelector() as told:
        told.register(sys.stdin, selectors.EVENT_READ)
        while not told.select(0):
            strangers.attack()
    print(strangers.made)


if __name__ == "__main__":
    main()
