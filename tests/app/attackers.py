"""Misbehaving strangers on the engine's sockets, as a program of their own.

``python -m tests.app.attackers KIND ADDRESS NUMBER [FOLDER]`` attacks until its standard input
closes, then prints how many connections it made. It runs at the lowest priority, because strangers
have machines of their own: what is measured is what they cost the engine. ``FOLDER`` holds the
certificates of the TLS kinds.
"""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lfr_engine.protocol import messages as m
from lfr_engine.protocol.address import TlsAddress, UnixAddress, parse_address
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.errors import LocalProtocolError, RemoteProtocolError
from lfr_engine.protocol.machine import Role

PREFIX_64_MIB = (64 * 1024 * 1024).to_bytes(4, "big")
BEGUN = (2_000).to_bytes(4, "big")
"""The length of a hello that never ends."""
LORIS_S = 0.1
PATIENCE_S = 10.0
THREADS = 8

SILENT = ("half-open", "held", "loris", "prefix", "garbage")
"""Many sockets that never say a whole message; on a TLS address, that never finish a handshake."""
SPEAKING = ("wrong-token", "escalation", "replay", "refused")
"""Callers who speak the protocol well, and ask for what is not theirs."""
CERTIFIED = ("expired", "foreign", "no-certificate")
"""TLS handshakes that end in a refusal."""


class Strangers:
    """``number`` connections of one silent kind; whichever the engine closes is opened again."""

    def __init__(self, kind: str, address: UnixAddress | TlsAddress, number: int) -> None:
        self.made = 0
        self._kind, self._address, self._number = kind, address, number
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
        try:
            one = connected(self._address)
        except OSError:  # the queue of the listener is full: so it should be
            time.sleep(0.002)
            return
        one.setblocking(False)
        self.made += 1
        self._open.append(one)
        first = {
            "prefix": PREFIX_64_MIB + b"x" * 4096,
            "loris": BEGUN,
            "garbage": os.urandom(4096),
        }.get(self._kind)
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


class Knockers:
    """Threads that connect, say their piece and hear the refusal, again and again."""

    def __init__(self, visit: Callable[[], None]) -> None:
        self.made = 0
        self._visit = visit
        for _ in range(THREADS):
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self._visit()
            except (OSError, LocalProtocolError, RemoteProtocolError):
                time.sleep(0.002)
            else:
                self.made += 1

    def attack(self) -> None:
        time.sleep(0.05)


def connected(address: UnixAddress | TlsAddress) -> socket.socket:
    """A connection; on a Unix address without waiting for room in the listener's queue."""
    if isinstance(address, TlsAddress):
        return socket.create_connection((address.host, address.port), 0.2)
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.setblocking(False)
    try:
        one.connect(os.fspath(address.path))
    except OSError:
        one.close()
        raise
    return one


def speak(kind: str, address: UnixAddress | TlsAddress) -> None:
    """One visit of a caller who speaks the protocol and asks for what is not theirs."""
    end = Connection(Role.CLIENT)
    with connected(address) as one:
        one.settimeout(PATIENCE_S)

        def hear() -> m.Message | None:
            while (message := end.next_message()) is None and not end.ended:
                end.receive_data(one.recv(65_536))
            return message

        if not isinstance(hear(), m.Challenge):
            return
        one.sendall(end.send(HELLOS[kind]))
        if not isinstance(hear(), m.Welcome):
            return
        for number in range(1, 65):  # a whole window of calls that this role may not make
            one.sendall(end.send(m.Request(id=number, command="deployments.start")))
        while hear() is not None:
            pass


HELLOS = {
    "wrong-token": m.Hello(version=1, client="x", token="console", proof=os.urandom(32)),
    # a proof that was right once, for another nonce
    "replay": m.Hello(version=1, client="x", token="console", proof=bytes(range(32))),
    "escalation": m.Hello(version=1, client="x", role="king"),
    "refused": m.Hello(version=1, client="x", role="engineer"),
}


def shake(kind: str, address: TlsAddress, folder: Path) -> None:
    """One TLS handshake with a certificate that is no good."""
    context = ssl.create_default_context(cafile=folder / "site.pem")
    named = {"expired": "desk-expired.pem", "foreign": "stranger.pem"}.get(kind)
    if named is not None:
        context.load_cert_chain(folder / named)
    with (
        connected(address) as one,
        context.wrap_socket(one, server_hostname=address.host) as tls,
    ):
        tls.settimeout(PATIENCE_S)
        with contextlib.suppress(OSError):
            while tls.recv(4_096):
                pass


def main() -> None:
    os.nice(19)
    kind, address, number = sys.argv[1], parse_address(sys.argv[2]), int(sys.argv[3])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    attackers: Strangers | Knockers
    if kind in SILENT:
        attackers = Strangers(kind, address, number)
    elif kind in CERTIFIED:
        assert isinstance(address, TlsAddress)
        attackers = Knockers(lambda: shake(kind, address, Path(sys.argv[4])))
    else:
        attackers = Knockers(lambda: speak(kind, address))
    with selectors.DefaultSelector() as told:
        told.register(sys.stdin, selectors.EVENT_READ)
        while not told.select(0):
            attackers.attack()
    print(attackers.made, flush=True)
    os._exit(0)  # threads may be waiting for the engine


if __name__ == "__main__":
    main()
