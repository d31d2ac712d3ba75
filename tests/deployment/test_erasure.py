from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest

from lfr_engine.clock import ManualClock
from lfr_engine.deployment.erasure import Method, StoredItems, carry_out, certificates, of_vault
from lfr_engine.deployment.retention import Deletion, Item, What
from lfr_engine.errors import EngineError
from lfr_engine.identity.vault import Certificate
from lfr_engine.journal.events.alerts import AlertDeleted
from lfr_engine.journal.events.watchlist import DeletionCertificate, DeletionFailed
from lfr_engine.journal.kinds import checked, item
from tests.deployment.papers import NOON


def deletion(name: str, what: What = What.ALERT, alert: str | None = None) -> Deletion:
    kept = Item(name, what, "met", NOON, "D-1", alert=alert)
    return Deletion(kept, NOON, "profile met: 31 days after it was made")


def stored(root: Path, recorded: list[Certificate] | None = None) -> StoredItems:
    record = [] if recorded is None else recorded
    return StoredItems(root / "e", root / "w", ManualClock(), record.append, "Sgt A")


def test_evidence_is_overwritten_then_gone_and_certified(tmp_path: Path) -> None:
    folder = tmp_path / "e" / "D-1"
    folder.mkdir(parents=True)
    (folder / "E-1").write_bytes(b"picture" * 1000)
    (folder / "witness").hardlink_to(folder / "E-1")  # still names the same bytes on disk
    certificate, deleted = carry_out([deletion("E-1", alert="al-1")], stored(tmp_path), "Sgt A")
    assert not (folder / "E-1").exists()
    left = (folder / "witness").read_bytes()
    assert len(left) == 7000
    assert b"picture" not in left
    assert isinstance(certificate, DeletionCertificate)
    assert certificate.items == ["E-1"]
    assert certificate.method == "overwrite"
    assert certificate.items_digest == hashlib.sha256(b"E-1").hexdigest()
    assert deleted == AlertDeleted(
        deployment="D-1", alert="al-1", certificate=certificate.certificate
    )
    for event in (certificate, deleted):
        assert checked(*item(event))


def test_erasing_again_is_fine(tmp_path: Path) -> None:
    (certificate,) = carry_out([deletion("E-1")], stored(tmp_path), "engine")
    assert isinstance(certificate, DeletionCertificate)
    assert certificate.method == "unlink"


def test_what_fails_is_said_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    (tmp_path / "e" / "D-1" / "E-1").mkdir(parents=True)
    events = carry_out(
        [deletion("E-1"), deletion("../passwd"), deletion("E-2")], stored(tmp_path), "engine"
    )
    failed = [event for event in events if isinstance(event, DeletionFailed)]
    assert [event.item for event in failed] == ["E-1", "../passwd"]
    assert [type(e) for e in events[2:]] == [DeletionCertificate]


def test_a_vault_writes_its_own_certificate(tmp_path: Path) -> None:
    vault = Certificate(
        certificate="c1", vault="WL-1", key_fingerprint="ab", built=None, expires=None,
        erased=NOON, objects=7, method="crypto_erase", reason="expired", actor="engine",
    )  # fmt: skip
    event = of_vault(vault, "D-1")
    assert (event.certificate, event.count, event.watchlist) == ("c1", 7, "WL-1")
    assert checked(*item(event))


def test_an_absent_vault_is_certified_as_absent(tmp_path: Path) -> None:
    (certificate,) = carry_out([deletion("WL-1", What.WATCHLIST)], stored(tmp_path), "engine")
    assert isinstance(certificate, DeletionCertificate)
    assert (certificate.watchlist, certificate.method) == ("WL-1", "unlink")


def test_large_deletions_become_several_certificates() -> None:
    done: list[tuple[Deletion, Method]] = [(deletion(f"E-{n}"), "overwrite") for n in range(1200)]
    made = certificates(done, "engine")
    assert [event.count for event in made if isinstance(event, DeletionCertificate)] == [
        500, 500, 200,
    ]  # fmt: skip
    for event in made:
        assert checked(*item(event))


def test_what_is_not_erased_is_not_certified() -> None:
    class Stubborn:
        def erase(self, item: Item) -> Method:
            raise EngineError(item.id, "disk is read-only")

    events = carry_out([deletion("E-1")], Stubborn(), "engine")
    assert events == [DeletionFailed(item="E-1", cause="disk is read-only", deployment="D-1")]


@pytest.mark.parametrize("days", [0, 31])
def test_the_reason_is_kept(days: int) -> None:
    entry = Deletion(Item("E", What.ALERT, "met", NOON), NOON + dt.timedelta(days), "why")
    (event,) = certificates([(entry, "overwrite")], "x")
    assert isinstance(event, DeletionCertificate)
    assert event.reason == "why"
