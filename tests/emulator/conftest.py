"""One emulated provider for each test, at an address of its own, so that no client's pool is shared between tests."""

from __future__ import annotations

import itertools

import pytest

from failover_plugin.emulator import Emulator, Site
from support.leftovers import close_litellm

__all__ = ["close_litellm", "site"]

_numbers = itertools.count()


@pytest.fixture
def site(emulator: Emulator) -> Site:
    return emulator.site(f"primary-{next(_numbers)}", reply="Hello from primary")
