"""Replays leave nothing behind."""

from __future__ import annotations

from support.leftovers import close_litellm

__all__ = ["close_litellm"]
