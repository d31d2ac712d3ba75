"""The token file: names, roles and stored keys of callers who prove themselves by a token.

Owns: reading, adding and withdrawing; the file's mode. Never: a secret: the file holds only stored
keys (see ``protocol.proof``), from which no one can connect. Strategy: JSON, rewritten whole and
safely; read again when it changed, so a withdrawn token is refused from the next connection on.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import stat
import tempfile
from pathlib import Path

import msgspec

from lfr_engine.errors import ConfigError, InputError
from lfr_engine.protocol.arguments import Name
from lfr_engine.protocol.commands import CallerRole
from lfr_engine.protocol.proof import Token, check_proof, stored_key

_LARGEST = 1_000_000
_NOBODY = bytes(32)


class StoredToken(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One line of the file; the first role is the one acted in unless another is asked for.

    person: whose it is, where somebody has several; the token's own name where None.
    """

    name: Name
    roles: list[CallerRole]
    stored_key: str
    expires: dt.datetime | None = None
    person: Name | None = None

    @property
    def holder(self) -> str:
        """Whom the record names, and who counts once when two people must agree (R10)."""
        return self.person or self.name


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tokens: list[StoredToken] = []


class TokenStore:
    """The tokens in one file; a missing file holds none.

    Args:
        path: The file; must belong to the engine's user or root, with no access for others.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._tokens: dict[str, StoredToken] = {}

    def check(
        self, name: str, nonce: bytes, version: int, proof: bytes, now: dt.datetime
    ) -> StoredToken | None:
        """The token, when ``proof`` shows that the caller holds it and it has not expired.

        An unknown name costs the same work as a known one.
        """
        self._refresh()
        token = self._tokens.get(name)
        key = bytes.fromhex(token.stored_key) if token else _NOBODY
        right = check_proof(key, name, nonce, version, proof)
        if token is None or not right:
            return None
        return None if token.expires is not None and now >= token.expires else token

    def holders(self) -> dict[str, str]:
        """Every token's name, in order, and whose it is."""
        self._refresh()
        return {name: self._tokens[name].holder for name in sorted(self._tokens)}

    def add(
        self,
        name: str,
        roles: list[CallerRole],
        expires: dt.datetime | None = None,
        person: str | None = None,
    ) -> Token:
        """Make a token, and store what is needed to check it.

        Raises:
            InputError: The name is taken, it or the person's is not a name, or no role is given.
        """
        self._refresh()
        if name in self._tokens:
            raise InputError(name, "there is a token of that name", "withdraw it first")
        if not roles:
            raise InputError(name, "a token needs at least one role")
        token = Token(name, secrets.token_bytes(32))
        stored = StoredToken(
            name=name,
            roles=roles,
            stored_key=stored_key(token).hex(),
            expires=expires,
            person=person,
        )
        try:
            msgspec.convert(msgspec.to_builtins(stored), StoredToken)
        except msgspec.ValidationError as error:
            raise InputError(name, f"not a plain name: {error}") from error
        self._write([*self._tokens.values(), stored])
        return token

    def withdraw(self, name: str) -> None:
        """Forget a token.

        Raises:
            InputError: There is none of that name.
        """
        self._refresh()
        if name not in self._tokens:
            raise InputError(name, "there is no token of that name")
        self._write([token for token in self._tokens.values() if token.name != name])

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._tokens = None, {}
            return
        except OSError as error:
            raise ConfigError(self._path, f"cannot be read: {error.strerror}") from error
        found = (status.st_mtime_ns, status.st_size, status.st_ino)
        if found == self._stamp:
            return
        if status.st_uid not in {0, os.geteuid()} or stat.S_IMODE(status.st_mode) & 0o077:
            raise ConfigError(
                self._path, "others can read or own the token file", "chown it, then chmod 600"
            )
        if status.st_size > _LARGEST:
            raise ConfigError(self._path, "too large for a token file")
        try:
            file = msgspec.json.decode(self._path.read_bytes(), type=_File)
            for token in file.tokens:
                if len(bytes.fromhex(token.stored_key)) != 32 or not token.roles:
                    raise ConfigError(self._path, f"token {token.name} is not whole")
        except (msgspec.DecodeError, ValueError) as error:
            raise ConfigError(self._path, f"not a token file: {error}") from error
        except OSError as error:
            raise ConfigError(self._path, f"cannot be read: {error.strerror}") from error
        self._tokens = {token.name: token for token in file.tokens}
        self._stamp = found

    def _write(self, tokens: list[StoredToken]) -> None:
        data = msgspec.json.format(msgspec.json.encode(_File(tokens=tokens)), indent=2)
        folder = self._path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=self._path.name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(self._path)
            except OSError:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
                raise
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise InputError(self._path, f"cannot be written: {error.strerror}") from error
        self._stamp = None
        self._refresh()
