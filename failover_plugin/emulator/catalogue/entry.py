"""One documented error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """An error as a public page, ``follows``, describes it; where the page gives no wording, the words are ours."""

    status: int
    body: Any
    follows: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
