"""Pages: self-contained, and refused clearly without matplotlib."""

from __future__ import annotations

import datetime as dt
import re
import sys
from pathlib import Path

import pytest

from lfr_engine.errors import InputError
from lfr_engine.evaluation import plots
from lfr_engine.evaluation.identification import IdentificationResult, search_all, summarise
from lfr_engine.evaluation.intervals import rate
from lfr_engine.evaluation.report import identification_page, page, write_report
from lfr_engine.identity.calibration import Calibration, Cohort
from lfr_engine.identity.tail import Tail
from tests.evaluation.support import CONTRACT, made_up_people


@pytest.fixture(scope="module")
def result() -> IdentificationResult:
    embedded = made_up_people(150)
    scores = search_all(embedded, CONTRACT, gallery_size=40, repeats=2, seed=1)
    tail = Tail(start=0.3, share=0.01, scale=0.05, shape=-0.1)
    calibration = Calibration(
        1,
        CONTRACT,
        Cohort("made-up people", 1, 1, 0),
        dt.date(2026, 1, 1),
        "0",
        tail,
        ((0.01, 0.05, -0.1),) * 20,
    )
    return summarise(embedded, scores, CONTRACT, seed=1, calibration=calibration)


def test_a_page_holds_its_plots_and_names_nothing_outside(result: IdentificationResult) -> None:
    text = identification_page(result)
    assert text.count("<svg") == 3
    for _, address in re.findall(r"(href|src)=\"([^\"]*)\"", text):
        assert address.startswith("#")
    assert "made-up people" in text


def test_text_is_escaped() -> None:
    assert "<b>" not in page("<b>", ["<b>"], [("", "<b>")])


def test_every_plot_draws_what_it_is_given() -> None:
    drawn = plots.rate_bars(["30 px", "60 px"], [rate(5, 10), rate(0, 0)], "TPIR")
    assert drawn.startswith("<svg")


def test_without_matplotlib_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'lfr-engine\[evaluation\]'"):
        plots.require_matplotlib()


def test_an_unwritable_page_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_report(tmp_path / "nowhere" / "page.html", "")
