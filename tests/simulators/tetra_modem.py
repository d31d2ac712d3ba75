"""A strict TETRA modem on a pseudo-terminal, as a program of its own.

It keeps the grammar of the peripheral equipment interface to the letter and shares no code with the
engine: every command must be one it knows, set up before it is needed, and every message must be
whole. Behind it stand the network and the officers' radios, which show a message once per
(reference), report it, and can be switched off.

Standard input takes one JSON object a line: ``{"do": "fault", …}``, ``{"do": "status", …}``,
``{"do": "reboot"}``, ``{"do": "unplug"}``, ``{"do": "replug"}``, ``{"do": "radio", …}``,
``{"do": "talk", "seconds": …}``. Standard output gives one JSON object a line for everything that
happens: ``command``, ``written``, ``shown``, ``rejected`` …, with the time it happened. With
``--capture FILE`` every byte that passes the port, either way, is appended to a file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pty
import select
import sys
import termios
import time
import tty
from pathlib import Path
from typing import Any

LIMIT_BITS = 1184


@dataclasses.dataclass
class Radio:
    on: bool = True
    report_delay_s: float = 0.05
    reads: bool = False
    duplicate_reports: bool = False
    shown: dict[int, int] = dataclasses.field(default_factory=dict)


class Modem:
    def __init__(self, link: Path, echo: bool, slow_s: float, capture: Path | None = None) -> None:
        self.captured = capture.open("ab", buffering=0) if capture is not None else None
        self.link = link
        self.default_echo = echo
        self.slow_s = slow_s
        self.radios: dict[str, Radio] = {}
        self.faults: list[dict[str, Any]] = []
        self.master = -1
        self.timers: list[tuple[float, Any]] = []
        self.talking_until = 0.0
        self.split = 0
        self.power_up()

    # --- life ---

    def power_up(self) -> None:
        self.buffer = b""
        self.echo = self.default_echo
        self.registered: set[tuple[int, int]] = set()
        self.service: int | None = None
        self.entering: tuple[str, int] | None = None
        self.reference = 0
        self.deaf = False
        self.timers = []

    def plug(self) -> None:
        self.master, slave = pty.openpty()
        tty.setraw(self.master)
        settings = termios.tcgetattr(slave)
        settings[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        name = os.ttyname(slave)
        self.spare = slave  # kept open: else the master hangs up between two openings
        temporary = self.link.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        temporary.symlink_to(name)
        temporary.rename(self.link)
        self.power_up()
        self.tell("plugged", port=name)

    def unplug(self) -> None:
        self.link.unlink(missing_ok=True)
        os.close(self.spare)
        os.close(self.master)
        self.master = -1
        self.power_up()
        self.tell("unplugged")

    # --- talking to the test ---

    def tell(self, what: str, **facts: Any) -> None:
        print(json.dumps({"what": what, "at": time.monotonic(), **facts}), flush=True)

    def order(self, line: str) -> None:
        order = json.loads(line)
        match order.pop("do"):
            case "fault":
                self.faults.append(order)
            case "radio":
                radio = self.radios.setdefault(order.pop("issi"), Radio())
                for name, value in order.items():
                    setattr(radio, name, value)
            case "status":
                self.indicate(13, order["issi"], order["value"])
            case "text":
                self.indicate(12, order["issi"], order["hex"])
            case "raw":
                self.put(bytes.fromhex(order["hex"]))
            case "talk":
                self.talking_until = time.monotonic() + order["seconds"]
            case "split":
                self.split = order["bytes"]
            case "reboot":
                self.power_up()
                self.deaf = True
                self.later(order.get("seconds", 0.5), self.wake)
                self.tell("rebooting")
            case "unplug":
                self.unplug()
            case "replug":
                self.plug()

    def wake(self) -> None:
        self.deaf = False
        self.put(b"\r\nWELCOME\r\n")

    # --- bytes ---

    def put(self, data: bytes) -> None:
        if self.master < 0:
            return
        self.capture(data)
        step = self.split or len(data) or 1
        with contextlib.suppress(OSError):
            for at in range(0, len(data), step):
                os.write(self.master, data[at : at + step])
                if self.split:
                    time.sleep(0.001)

    def capture(self, data: bytes) -> None:
        if self.captured is not None:
            self.captured.write(data)

    def say(self, line: str) -> None:
        self.put(f"\r\n{line}\r\n".encode())

    def later(self, seconds: float, act: Any, *args: Any) -> None:
        self.timers.append((time.monotonic() + seconds, (act, args)))

    def take(self, data: bytes) -> None:
        self.capture(data)
        if self.deaf:
            return
        if self.echo:
            self.put(data)
        self.buffer += data
        while True:
            if self.entering is not None:
                if b"\x1b" in self.buffer:
                    _, _, self.buffer = self.buffer.partition(b"\x1b")
                    self.entering = None
                    self.say("OK")
                    continue
                if b"\x1a" not in self.buffer:
                    return
                body, _, self.buffer = self.buffer.partition(b"\x1a")
                self.send(body.decode("latin-1"))
                continue
            self.buffer = self.buffer.lstrip(b"\x1b")
            if b"\n" not in self.buffer:
                return
            line, _, self.buffer = self.buffer.partition(b"\n")
            if line.strip(b"\r"):
                self.command(line.rstrip(b"\r").decode("latin-1"))

    # --- commands ---

    def fault(self, where: str) -> dict[str, Any] | None:
        for fault in self.faults:
            if fault["where"] in {where, "*"} and fault.get("times", 1) > 0:
                fault["times"] = fault.get("times", 1) - 1
                return fault
        return None

    def command(self, line: str) -> None:
        name = line.split("=", maxsplit=1)[0].split("?", maxsplit=1)[0]
        self.tell("command", line=line)
        fault = self.fault(line) or self.fault(name)
        if fault is not None and self.spoil(fault):
            return
        if line in {"AT", "AT+CSCS=8859-1"}:
            self.say("OK")
        elif line in {"ATE0", "ATE1"}:
            self.echo = line == "ATE1"
            self.say("OK")
        elif name == "AT+CTSP":
            self.register(line)
        elif name == "AT+CTSDS":
            self.choose(line)
        elif line == "AT+CMGS=?":
            self.say(f"+CMGS: (0-16777215),(8-{LIMIT_BITS})")
            self.say("OK")
        elif name == "AT+CMGS":
            self.begin(line)
        elif line in {"AT+CNUMF?", "AT+CSQ", "AT+CTOM?"}:
            facts = {"AT+CNUMF?": "+CNUMF: 0,023400101234500", "AT+CSQ": "+CSQ: 22,99"}
            self.say(facts.get(line, "+CTOM: 0"))
            self.say("OK")
        else:
            self.tell("rejected", line=line)
            self.say("+CME ERROR: 35")

    def spoil(self, fault: dict[str, Any]) -> bool:
        """Do what a fault says instead of the command; True when that was all."""
        kind = fault["kind"]
        self.tell("fault", kind=kind, where=fault["where"])
        if kind == "cme":
            self.say(f"+CME ERROR: {fault['code']}")
        elif kind == "error":
            self.say("ERROR")
        elif kind == "silent":
            pass
        elif kind == "interleave":
            self.put(bytes.fromhex(fault["hex"]))
            return False
        elif kind == "reboot":
            self.power_up()
            self.deaf = True
            self.later(0.3, self.wake)
        elif kind == "power off":
            self.unplug()
        return True

    def register(self, line: str) -> None:
        parts = line.split("=")[1].split(",")
        if len(parts) != 3 or not all(part.isdigit() for part in parts):
            self.say("+CME ERROR: 35")
        elif (key := (int(parts[1]), int(parts[2]))) in self.registered:
            self.say("+CME ERROR: 38")
        else:
            self.registered.add(key)
            self.say("OK")

    def choose(self, line: str) -> None:
        parts = line.split("=")[1].split(",")
        if not all(part.isdigit() for part in parts) or int(parts[0]) not in {12, 13}:
            self.say("+CME ERROR: 34")
            return
        self.service = int(parts[0])
        self.say("OK")

    def begin(self, line: str) -> None:
        called, _, bits = line.split("=")[1].partition(",")
        if not called.isdigit() or not bits.isdigit():
            self.say("+CME ERROR: 35")
        elif self.service is None:
            self.tell("rejected", line=line, why="no service chosen")
            self.say("+CME ERROR: 3")
        elif int(bits) > LIMIT_BITS:
            self.say("+CME ERROR: 34")
        else:
            self.entering = (called, int(bits))

    def send(self, body: str) -> None:
        assert self.entering is not None
        called, bits = self.entering
        self.entering = None
        digits = body.strip("\r\n")
        whole = len(digits) * 4 == bits + (-bits % 4) and digits.isalnum()
        try:
            data = bytes.fromhex(digits)
        except ValueError:
            whole, data = False, b""
        if not whole or (self.service == 13 and bits != 16):
            self.tell("rejected", line=digits, why="data of another length")
            self.say("+CME ERROR: 32")
            return
        self.tell("written", called=called, hex=digits, service=self.service)
        fault = self.fault("data")
        if fault is not None and self.spoil(fault):
            return
        if time.monotonic() < self.talking_until:
            self.say("+CME ERROR: 42")
            return
        self.reference = self.reference % 255 + 1
        self.later(self.slow_s, self.accepted, called, data, self.service, self.reference)
        if self.service == 13:
            self.service = None  # a status changes what is sent next

    def accepted(self, called: str, data: bytes, service: int, reference: int) -> None:
        self.say(f"+CMGS: 0,0,{reference}")
        self.say("OK")
        fault = self.fault("air")
        if fault is not None:
            if fault["kind"] == "lost":
                self.say(f"+CMGS: 0,5,{reference}")
                return
            if fault["kind"] == "no ack":
                return
        self.later(self.slow_s, self.say, f"+CMGS: 0,4,{reference}")
        self.later(self.slow_s, self.deliver, called, data, service)

    # --- the radios ---

    def deliver(self, called: str, data: bytes, service: int) -> None:
        members = [called] if called in self.radios else []
        if called.startswith("9"):  # a talk group: everyone hears it
            members = list(self.radios)
        for issi in members:
            radio = self.radios[issi]
            if not radio.on:
                continue
            if service == 13:
                self.tell("shown", issi=issi, text=f"status {data.hex()}", reference=0, count=1)
                continue
            self.show(radio, issi, data)

    def show(self, radio: Radio, issi: str, data: bytes) -> None:
        header, reference = data[1], data[2]
        kind, wanted = header >> 4, header >> 2 & 0b11
        if kind == 2:
            self.tell("acknowledged", issi=issi, hex=data.hex())
            return
        if kind == 1:
            self.tell("reported", issi=issi, hex=data.hex())
            return
        at = 3 + (1 if header & 1 else 0)
        at += 1 + (3 if data[at] & 0x80 else 0)
        text = data[at:].decode("latin-1")
        first = reference not in radio.shown
        radio.shown[reference] = radio.shown.get(reference, 0) + 1
        self.tell(
            "shown" if first else "repeated",
            issi=issi,
            text=text,
            reference=reference,
            count=radio.shown[reference],
        )
        for _ in range(2 if radio.duplicate_reports else 1):
            if wanted & 1:
                self.later(radio.report_delay_s, self.report, issi, "00", reference)
            if wanted & 2 and radio.reads:
                self.later(2 * radio.report_delay_s, self.report, issi, "02", reference)

    def report(self, issi: str, status: str, reference: int) -> None:
        self.indicate(12, issi, f"8210{status}{reference:02X}")

    def indicate(self, service: int, issi: str, digits: str) -> None:
        pid = 130 if service == 12 else 20
        if (3 if service == 12 else 2, pid) not in self.registered:
            self.tell("unheard", issi=issi)
            return
        self.put(
            f"\r\n+CTSDSR: {service},{issi},0,1234500,0,{len(digits) * 4}\r\n{digits}\r\n".encode()
        )

    # --- the loop ---

    def run(self) -> None:
        self.plug()
        commands = b""
        while True:
            now = time.monotonic()
            due = [timer for timer in self.timers if timer[0] <= now]
            self.timers = [timer for timer in self.timers if timer[0] > now]
            for _, (act, args) in due:
                act(*args)
            wait = min([timer[0] - now for timer in self.timers] + [0.5])
            watched = [0] + ([self.master] if self.master >= 0 else [])
            readable, _, _ = select.select(watched, [], [], max(0.0, wait))
            if 0 in readable:
                piece = os.read(0, 65536)
                if not piece:
                    return
                *lines, commands = (commands + piece).split(b"\n")
                for line in lines:
                    self.order(line.decode())
            elif self.master in readable:
                with contextlib.suppress(OSError):
                    self.take(os.read(self.master, 4096))


if __name__ == "__main__":
    Modem(
        Path(sys.argv[1]),
        "--echo" in sys.argv,
        0.2 if "--slow" in sys.argv else 0.005,
        Path(sys.argv[sys.argv.index("--capture") + 1]) if "--capture" in sys.argv else None,
    ).run()
