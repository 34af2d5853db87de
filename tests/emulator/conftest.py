"""One site called "primary" for each test, and every client that has to understand it, with short timeouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from failover_plugin.emulator import Emulator, Site


@pytest.fixture
def site(emulator: Emulator) -> Site:
    return emulator.site("primary")
