"""What helps users test their own policies. Fixtures come with ``pytest_plugins = ["failover_plugin.testing"]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from failover_plugin.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A running provider emulator on loopback, without any site yet."""
    with Emulator() as running:
        yield running
