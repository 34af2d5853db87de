"""Anthropic's models on Vertex AI: Anthropic's bodies behind Google's paths, without Anthropic's headers.

Follows https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude.
"""

from __future__ import annotations

from failover_plugin.emulator.anthropic import Anthropic


class RawPredict(Anthropic):
    """The format of ``publishers/anthropic/models/{model}:rawPredict`` and ``:streamRawPredict``."""

    def headers(self, ident: str) -> dict[str, str]:
        """What every answer carries beside its content type."""
        return {"request-id": f"req_vrtx_{ident}", "server-timing": "gfet4t7; dur=20"}
