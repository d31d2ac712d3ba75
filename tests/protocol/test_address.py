from __future__ import annotations

from pathlib import Path

import pytest

from lfr_engine.errors import InputError
from lfr_engine.protocol.address import (
    DEFAULT_PORT,
    Address,
    TlsAddress,
    UnixAddress,
    default_socket,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/a/b.sock", UnixAddress(Path("/a/b.sock"))),
        ("/a/b.sock", UnixAddress(Path("/a/b.sock"))),
        ("./b.sock", UnixAddress(Path("b.sock"))),
        ("tls://van-1", TlsAddress("van-1", DEFAULT_PORT)),
        ("tls://van-1:99/", TlsAddress("van-1", 99)),
        ("tls://[::1]:99", TlsAddress("::1", 99)),
        ("tls://[::1]", TlsAddress("::1", DEFAULT_PORT)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unix:",
        "van-1",
        "tcp://van-1",
        "tls://",
        "tls://h:0",
        "tls://h:x",
        "tls://[::1",
        "tls://h:70000",
    ],
)
def test_what_is_not_an_address(text: str) -> None:
    with pytest.raises(InputError, match="not an address"):
        parse_address(text)


def test_the_default_socket_is_in_a_private_folder() -> None:
    assert default_socket({"XDG_RUNTIME_DIR": "/run/user/7"}, 7) == Path(
        "/run/user/7/lfr-engine/api.sock"
    )
    assert default_socket({}, 0) == Path("/run/lfr-engine/api.sock")
    with pytest.raises(InputError, match="XDG_RUNTIME_DIR"):
        default_socket({"XDG_RUNTIME_DIR": "relative"}, 7)
