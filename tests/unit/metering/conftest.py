"""What the tests of this room share: real vocabularies and the real price table, loaded once."""

from __future__ import annotations

import pytest

from proxy.metering.table import PriceTable
from proxy.metering.vocab import Vocabulary


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary()


@pytest.fixture(scope="session")
def table() -> PriceTable:
    return PriceTable.load()
