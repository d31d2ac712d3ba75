"""The fake keeps the port's contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lfr_engine.api.port import EngineApi
from tests.api.fake_engine import FakeEngine
from tests.api.port_contract import Lab, OpenLab, PortContract


class FakeLab:
    """The fake, raising its own alerts."""

    def __init__(self) -> None:
        self._fake = FakeEngine()
        self.engine: EngineApi = self._fake

    async def raise_alert(self) -> None:
        self._fake.raise_alert()


class TestFakeEngine(PortContract):
    @pytest.fixture
    def open_lab(self) -> OpenLab:
        @asynccontextmanager
        async def lab() -> AsyncIterator[Lab]:
            yield FakeLab()

        return lab
