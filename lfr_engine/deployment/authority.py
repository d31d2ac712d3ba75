"""The authority: a text file that an officer can read, and a signature over its very bytes.

Owns: the document's fields, its file format, signing it. Never: whether it permits anything now
(``permission`` decides). Strategy: TOML; everything before the line ``[signature]`` is signed as
it stands, comments and spaces included, so that what the officer read is what was signed and there
is no second form to disagree about. The signature section has one spelling only.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import secrets
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from lfr_engine.errors import InputError, RuleError
from lfr_engine.journal.events.fields import Digest, Name, Ref, Text, Time
from lfr_engine.journal.signing import Signer, fingerprint, signature_holds, sync_folder

HIGHEST_CEILING = 0.001  # R6: 1 false alert in 1,000 passes; an authority may only ask for less
_LONGEST_FILE = 64 * 1024
_SECTION = b"\n[signature]\n"
_DOMAIN = b"lfr-authority 1\n"  # a signature for anything else can never pass as this
_Ids = Annotated[tuple[Ref, ...], msgspec.Meta(min_length=1, max_length=100)]


class Officer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The authorising officer (AO)."""

    name: Name
    rank: Name
    id: Ref


class Authority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signed permission: who, why, where, when, with which list.

    ``false_alert_ceiling`` is a share of passes, above 0 and at most 0.001 (R6).
    ``watchlist_digest`` binds it to one sealed content of the list, not only to the list's id.
    """

    format: Literal[1] = 1
    id: Ref
    mode: Literal["deployment", "exercise"]
    use_case: Text
    purpose: Text
    place: Text
    zones: _Ids
    cameras: _Ids
    start: Time
    end: Time
    watchlist: Ref
    watchlist_digest: Digest | None = None
    retention: Literal["met", "swp", "strict"]
    false_alert_ceiling: Annotated[float, msgspec.Meta(gt=0, le=HIGHEST_CEILING)]
    officer: Officer


@dataclass(frozen=True, slots=True)
class Document:
    """An authority as it stands in a file.

    name: the file's name, for messages. body: the signed bytes. key and signature: None where the
    document is not signed.
    """

    name: str
    body: bytes
    authority: Authority
    key: str | None = None
    signature: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the signed bytes, in hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def intact(self) -> bool:
        """Whether the bytes are those that the named key signed; False when unsigned.

        Raises:
            InputError: The key is not a key.
        """
        if self.key is None or self.signature is None:
            return False
        return signature_holds(self.key, _DOMAIN + self.body, self.signature)


def render(authority: Authority) -> bytes:
    """An unsigned document: the body, ready to be read and signed."""
    a = authority
    title = "EXERCISE – recorded material only" if a.mode == "exercise" else "Authority"
    digest = f"watchlist_digest = {_quoted(a.watchlist_digest)}\n" if a.watchlist_digest else ""
    text = f"""\
# {title} for live facial recognition. Signing covers every character above [signature].
format = {a.format}
id = {_quoted(a.id)}
mode = {_quoted(a.mode)}

use_case = {_quoted(a.use_case)}
purpose = {_quoted(a.purpose)}
place = {_quoted(a.place)}
zones = [{", ".join(map(_quoted, a.zones))}]
cameras = [{", ".join(map(_quoted, a.cameras))}]

start = {_moment(a.start)}
end = {_moment(a.end)}

watchlist = {_quoted(a.watchlist)}
{digest}retention = {_quoted(a.retention)}  # met, swp or strict: what is kept, and for how long
false_alert_ceiling = {a.false_alert_ceiling}  # false alerts per person who passes

[officer]
name = {_quoted(a.officer.name)}
rank = {_quoted(a.officer.rank)}
id = {_quoted(a.officer.id)}
"""
    return text.encode()


def parse(data: bytes, name: str) -> Document:
    """Read a document, signed or not; says nothing about whether it is valid.

    Raises:
        InputError: It is not an authority: the field that is missing or wrong is named.
    """
    if len(data) > _LONGEST_FILE:
        raise InputError(name, "far too large for an authority")
    place = data.rfind(_SECTION)
    body, section = (data, b"") if place < 0 else (data[: place + 1], data[place + 1 :])
    key: str | None = None
    signature: str | None = None
    try:
        authority = msgspec.convert(tomllib.loads(body.decode()), Authority)
        if section:
            found = tomllib.loads(section.decode())["signature"]
            key, signature = found["key"], found["value"]
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise InputError(name, f"not a readable authority: {exc}") from exc
    except (KeyError, TypeError) as exc:
        raise InputError(name, "not a readable authority: its signature is incomplete") from exc
    if section and section != _signature_section(key, signature):
        raise InputError(name, "not a readable authority: its signature section was altered")
    return Document(name, body, authority, key, signature)


def sign(document: Document, signer: Signer) -> bytes:
    """The bytes of the signed file.

    Raises:
        RuleError: It carries a signature already (R3): a signed document is never signed over.
    """
    if document.signature is not None:
        raise RuleError(
            "R3", document.name, "this authority is signed already", "make a new one to change it"
        )
    signature = signer.sign(_DOMAIN + document.body)
    return document.body + _signature_section(signer.public_key, signature)


def self_signed(authority: Authority) -> Document:
    """An exercise authority, signed with a key that is forgotten at once.

    Raises:
        RuleError: It is for a deployment (R27): only exercises may be self-signed.
    """
    if authority.mode != "exercise":
        raise RuleError("R27", authority.id, "only an exercise may be self-signed")
    name = f"exercise {authority.id}"
    return parse(sign(parse(render(authority), name), Signer.generate()), name)


def load(path: Path) -> Document:
    """Read a document from a file.

    Raises:
        RuleError: There is no such file (R3).
        InputError: It cannot be read, or is not an authority.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_FILE + 1)
    except FileNotFoundError as exc:
        raise RuleError(
            "R3", path, "there is no authority here", "an authorising officer must sign one"
        ) from exc
    except OSError as exc:
        raise InputError(path, f"cannot read the authority: {exc.strerror}") from exc
    return parse(data, str(path))


def save(path: Path, data: bytes, *, replace: bool) -> None:
    """Write a document so that after a crash the file is the old one or the new one.

    Raises:
        InputError: The file exists and ``replace`` is False, or it cannot be written.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            if replace:
                part.replace(path)
            else:
                path.hardlink_to(part)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError as exc:
        raise InputError(path, "this file exists already", "choose another name") from exc
    except OSError as exc:
        raise InputError(path, f"cannot write the authority: {exc.strerror}") from exc


class TrustedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An authorising officer's id and the public key that officer signs with."""

    officer: Ref
    key: Ref


class _TrustedFile(msgspec.Struct, forbid_unknown_fields=True):
    trusted: list[TrustedKey]


def load_trusted(path: Path) -> tuple[TrustedKey, ...]:
    """Read ``[[trusted]]`` entries (``officer``, ``key``) from a TOML file.

    Raises:
        RuleError: There is no such file (R3).
        InputError: It cannot be read, or an entry is wrong.
    """
    try:
        with path.open("rb") as file:
            entries = msgspec.convert(tomllib.load(file), _TrustedFile).trusted
    except FileNotFoundError as exc:
        raise RuleError(
            "R3",
            path,
            "there is no file of trusted keys",
            "make it from what lfr authority key new says",
        ) from exc
    except OSError as exc:
        raise InputError(path, f"cannot read the trusted keys: {exc.strerror}") from exc
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise InputError(path, f"not a list of trusted keys: {exc}") from exc
    for entry in entries:
        fingerprint(entry.key)  # a key that is none is found now, not on the day
    return tuple(entries)


def _signature_section(key: str | None, signature: str | None) -> bytes:
    return f'[signature]\nkey = "{key}"\nvalue = "{signature}"\n'.encode()


def _quoted(text: str) -> str:
    # a JSON string is a TOML basic string, but for DEL, which JSON leaves bare
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _moment(time: dt.datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
