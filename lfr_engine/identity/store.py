"""A watchlist in its vault: the document, the templates bound to their pack, the pictures.

Owns: which objects make up a stored list and in which order they change. Never: a template outside
the vault and memory; a list whose document points to something missing. Strategy: pictures first,
then the templates under a new name, then the document that names them; whatever a crash leaves
unnamed is swept at the next opening.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from lfr_engine.errors import RuleError, WatchlistError
from lfr_engine.identity import watchlist as documents
from lfr_engine.identity.coarse import coarse_for
from lfr_engine.identity.matcher import Gallery
from lfr_engine.identity.template import TemplateContract
from lfr_engine.identity.vault import Vault
from lfr_engine.identity.watchlist import EntryState, Watchlist
from lfr_engine.vision.frame import FloatArray

DOCUMENT = "document"


class _Packed(msgspec.Struct, frozen=True):
    contract: TemplateContract
    references: tuple[str, ...]
    rows: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """Templates by reference picture: ``rows`` (m, d) float32 unit rows, one a ``references``."""

    contract: TemplateContract
    references: tuple[str, ...]
    rows: FloatArray = field(repr=False)

    def __post_init__(self) -> None:
        if self.rows.shape != (len(self.references), self.contract.dimension):
            raise ValueError(f"{self.rows.shape} templates for {len(self.references)} pictures")

    def with_more(self, more: Templates) -> Templates:
        """These and ``more``; raises ``InputError`` where the contracts differ."""
        self.contract.require(more.contract, "new templates")
        return Templates(
            self.contract,
            (*self.references, *more.references),
            np.concatenate([self.rows, more.rows]),
        )


class StoredWatchlist:
    """One list in an open vault. ``watchlist`` is the document as last committed."""

    def __init__(self, vault: Vault, watchlist: Watchlist) -> None:
        self.vault = vault
        self.watchlist = watchlist

    @classmethod
    def create(cls, vault: Vault) -> StoredWatchlist:
        """An empty draft in a new vault, under the vault's id and build time."""
        watchlist = Watchlist(vault.facts.vault, vault.facts.built)
        vault.write(DOCUMENT, documents.encode(watchlist))
        return cls(vault, watchlist)

    @classmethod
    def load(cls, vault: Vault) -> StoredWatchlist:
        """The list in ``vault``; a vault whose creation was cut short holds an empty draft.

        Raises ``WatchlistError`` where the document is damaged or is another list's.
        """
        if DOCUMENT not in vault.names():
            return cls.create(vault)
        watchlist = documents.decode(vault.read(DOCUMENT))
        if watchlist.id != vault.facts.vault or watchlist.built != vault.facts.built:
            raise WatchlistError(vault.folder, "holds the document of another list")
        return cls(vault, watchlist)

    def commit(
        self,
        watchlist: Watchlist,
        templates: Templates | None = None,
        pictures: Mapping[str, bytes] | None = None,
    ) -> None:
        """Make ``watchlist`` the stored document, all or nothing.

        templates: all of them where they changed; ``watchlist.templates`` is then set here.
        pictures: the new ones by object name.
        """
        for name, data in (pictures or {}).items():
            self.vault.write(name, data)
        if templates is not None:
            name = new_object("t")
            packed = _Packed(templates.contract, templates.references, templates.rows.tobytes())
            self.vault.write(name, msgspec.msgpack.encode(packed))
            watchlist = replace(watchlist, templates=name)
        self.vault.write(DOCUMENT, documents.encode(watchlist))
        self.watchlist = watchlist
        self.sweep()

    def sweep(self) -> int:
        """Delete what the document does not name; returns how many objects."""
        pictures = {ref.object for one in self.watchlist.entries for ref in one.references}
        return self.vault.keep_only({DOCUMENT, self.watchlist.templates, *pictures})

    def templates(self) -> Templates | None:
        """All templates; None before the first picture.

        Raises ``WatchlistError`` where they are damaged or do not fit the document.
        """
        if not self.watchlist.templates:
            return None
        try:
            packed = msgspec.msgpack.decode(self.vault.read(self.watchlist.templates), type=_Packed)
            rows = np.frombuffer(packed.rows, np.float32).reshape(-1, packed.contract.dimension)
            found = Templates(packed.contract, packed.references, rows)
        except (msgspec.MsgspecError, ValueError) as error:
            raise WatchlistError(self.vault.folder, "its templates are damaged") from error
        named = {ref.object for one in self.watchlist.entries for ref in one.references}
        if set(found.references) != named:
            raise WatchlistError(self.vault.folder, "its templates and its document disagree")
        return found

    def gallery(self, loaded: TemplateContract) -> Gallery:
        """The snapshot for the matcher, without withdrawn entries.

        Raises ``InputError`` (R5) where the templates were made with another pack or precision,
        ``RuleError`` (R15) where nobody is listed.
        """
        templates = self.templates()
        if templates is None:
            raise RuleError("R15", self.watchlist.id, "nobody is listed", "add or import entries")
        loaded.require(templates.contract, f"watchlist {self.watchlist.id}")
        row_of = {name: row for row, name in enumerate(templates.references)}
        rows = [row_of[ref.object] for one in self.watchlist.entries for ref in one.references]
        owners = [i for i, one in enumerate(self.watchlist.entries) for _ in one.references]
        ordered = templates.rows[rows]
        gallery = Gallery.build(
            [one.id for one in self.watchlist.entries],
            [one.label for one in self.watchlist.entries],
            ordered,
            owners,
            loaded,
            coarse=coarse_for(ordered),
        )
        gone = [one.id for one in self.watchlist.entries if one.state is EntryState.WITHDRAWN]
        return gallery.without(gone) if gone else gallery

    def picture(self, reference: str) -> bytes:
        """A reference picture as it was supplied."""
        return self.vault.read(reference)


def new_object(prefix: str) -> str:
    """A fresh object name; random, so that names tell nothing of people."""
    return f"{prefix}-{secrets.token_hex(12)}"
