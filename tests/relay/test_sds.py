"""SDS-TL bytes against the worked examples, published vectors and arbitrary input."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import ProtocolError
from lfr_engine.relay.tetra import sds
from lfr_engine.relay.tetra.sds import Coding, Report, ReportRequest, Stamp, Transfer

CUE = "LFR VAN1 C2 #A1B2C3 0.83 14:05"
STAMP = Stamp.of(dt.datetime(2026, 11, 22, 14, 5, tzinfo=dt.UTC))

VECTORS: list[tuple[sds.Pdu, str]] = [
    # worked examples
    (
        Transfer(0x2A, CUE),
        "820E2A014C46522056414E31204332202341314232433320302E38332031343A3035",
    ),
    (
        Transfer(0x2B, CUE, report=ReportRequest.NONE),
        "82022B014C46522056414E31204332202341314232433320302E38332031343A3035",
    ),
    (
        Transfer(0x2C, "LFR ALERT", sds.IMMEDIATE_TEXT, ReportRequest.RECEIVED),
        "89062C014C465220414C455254",
    ),
    (Transfer(0x2E, "LFR ALERT", stamp=STAMP), "820E2E814BB3854C465220414C455254"),
    # published vectors
    (
        Transfer(0x9C, "testmessage", report=ReportRequest.NONE),
        "82029C01746573746D657373616765",
    ),
    (
        Transfer(0x9C, "testmessage", sds.IMMEDIATE_TEXT, ReportRequest.NONE),
        "89029C01746573746D657373616765",
    ),
    (
        Transfer(
            0x9C,
            "testmessage",
            report=ReportRequest.NONE,
            store=sds.StoreAndForward(10, 1, b"\x01\x02\x03"),
        ),
        "82039C5101020301746573746D657373616765",
    ),
    (
        Transfer(
            0x9C, "testmessage", report=ReportRequest.NONE, stamp=Stamp(4, 11, 10, 15, utc=False)
        ),
        "82029C81045A8F746573746D657373616765",
    ),
    (
        Transfer(
            0xC9,
            "testmessage",
            report=ReportRequest.RECEIVED,
            stamp=Stamp(4, 11, 8, 15, utc=True),
        ),
        "8206C981445A0F746573746D657373616765",
    ),
    (Report(0xC9, sds.RECEIVED), "821000C9"),
    (Report(0xCA, sds.RECEIVED, acknowledge=True), "821800CA"),
    (sds.Acknowledgement(0xC9), "822001C9"),
    (sds.SimpleText("testmessage"), "0201746573746D657373616765"),
    (sds.SimpleText(""), "0201"),
    (
        sds.SimpleText("testmessage", sds.SIMPLE_IMMEDIATE_TEXT),
        "0901746573746D657373616765",
    ),
]


@pytest.mark.parametrize(("pdu", "digits"), VECTORS)
def test_vectors_both_ways(pdu: sds.Pdu, digits: str) -> None:
    assert pdu.encode().hex().upper() == digits
    assert sds.decode(bytes.fromhex(digits)) == pdu


def test_the_lengths_in_bits_of_the_worked_examples() -> None:
    assert [8 * len(pdu.encode()) for pdu, _ in VECTORS[:4]] == [272, 272, 104, 128]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0x7E2A, sds.ShortReport(0x2A, sds.RECEIVED)),
        (0x7FFF, sds.ShortReport(0xFF, sds.READ)),
        (0x7D01, sds.ShortReport(1, 0x52)),
        (0x8003, sds.Status(0x8003)),
        (0x0000, sds.Status(0)),
        (0x7BFF, sds.Status(0x7BFF)),
    ],
)
def test_statuses_and_short_reports(value: int, expected: sds.ShortReport | sds.Status) -> None:
    assert sds.decode_status(value) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x00, sds.StatusClass.DONE),
        (0x02, sds.StatusClass.DONE),
        (0x20, sds.StatusClass.TEMPORARY),
        (0x42, sds.StatusClass.FAILED),
        (0x5A, sds.StatusClass.FAILED),
        (0x60, sds.StatusClass.FLOW_CONTROL),
        (0xE1, sds.StatusClass.OTHER),
    ],
)
def test_status_classes(status: int, expected: sds.StatusClass) -> None:
    assert sds.status_class(status) is expected


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (0, 0),
        (9.9, 0),
        (10, 1),
        (59, 5),
        (60, 6),
        (119, 6),
        (120, 7),
        (299, 9),
        (300, 10),
        (9e9, 10),
    ],
)
def test_validity_never_outlasts_the_deadline(seconds: float, code: int) -> None:
    assert sds.validity_code(seconds) == code


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "82",
        "8202",
        "82029C",
        "821000",
        "8211",
        "82039C51",
        "82039C0500",
        "82029C8104",
        "8230FF00",
    ],
)
def test_truncated_or_forbidden_headers_are_refused(digits: str) -> None:
    with pytest.raises(ProtocolError):
        sds.decode(bytes.fromhex(digits))


def test_text_that_does_not_fit_its_coding_is_refused() -> None:
    with pytest.raises(ProtocolError):
        Transfer(1, "Łódź").encode()


texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]))
ascii_texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
stamps = st.builds(
    Stamp,
    st.integers(1, 12),
    st.integers(1, 31),
    st.integers(0, 23),
    st.integers(0, 59),
    utc=st.booleans(),
)
stores = st.builds(
    sds.StoreAndForward, st.integers(0, 31), st.just(1), st.binary(min_size=3, max_size=3)
) | st.builds(sds.StoreAndForward, st.integers(0, 31))
codings = st.one_of(
    st.tuples(st.just(int(Coding.LATIN_1)), texts),
    st.tuples(st.just(int(Coding.UTF_16_BE)), st.text(st.characters(exclude_categories=["Cs"]))),
    st.tuples(st.just(int(Coding.SEVEN_BIT)), ascii_texts),
)


@given(
    reference=st.integers(0, 255),
    coded=codings,
    pid=st.sampled_from([sds.TEXT, sds.IMMEDIATE_TEXT]),
    report=st.sampled_from(ReportRequest),
    any_service=st.booleans(),
    stamp=st.none() | stamps,
    store=st.none() | stores,
)
def test_a_transfer_survives_the_round_trip(
    reference: int,
    coded: tuple[int, str],
    pid: int,
    report: ReportRequest,
    any_service: bool,
    stamp: Stamp | None,
    store: sds.StoreAndForward | None,
) -> None:
    coding, text = coded
    pdu = Transfer(reference, text, pid, report, any_service, coding, stamp, store)
    assert sds.decode(pdu.encode()) == pdu


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    try:
        pdu = sds.decode(data)
    except ProtocolError:
        return
    if not isinstance(pdu, sds.Report | sds.Acknowledgement):
        pdu.encode()  # what was read can be written


@given(st.integers(0, 0xFFFF))
def test_every_status_decodes(value: int) -> None:
    decoded = sds.decode_status(value)
    assert isinstance(decoded, sds.ShortReport) == (0x7C00 <= value <= 0x7FFF)
