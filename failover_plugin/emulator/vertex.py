"""Anthropic's models on Vertex AI: Anthropic's bodies behind Google's paths, without Anthropic's headers.

Follows https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude: a refusal is Google's,
an error in mid-stream Anthropic's own event.
"""

from __future__ import annotations

from dataclasses import replace

from failover_plugin.emulator.anthropic import Anthropic
from failover_plugin.emulator.ask import Ask
from failover_plugin.emulator.catalogue import Documented
from failover_plugin.emulator.encoding import mapping
from failover_plugin.emulator.plan import Data


class RawPredict(Anthropic):
    """The format of ``publishers/anthropic/models/{model}:rawPredict`` and ``:streamRawPredict``."""

    def headers(self, ident: str) -> dict[str, str]:
        """What every answer carries beside its content type."""
        return {"request-id": f"req_vrtx_{ident}", "server-timing": "gfet4t7; dur=20"}

    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data:
        """An error in mid-stream, in Anthropic's words for the status."""
        told = mapping(mapping(error.body).get("error"))
        if "type" not in told:
            error = replace(error, body=self.error_body(str(told.get("message", error.body)), error.status))
        return super().error_event(error, ask, ident)
