"""OpenAI's embeddings on the wire: enough to see an embedding client fail over.

Follows https://platform.openai.com/docs/api-reference/embeddings.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any, cast

from failover_plugin.emulator.ask import Answer, Ask
from failover_plugin.emulator.encoding import compact, tokens
from failover_plugin.emulator.openai import OpenAI

_DIMENSIONS = 8


class Embeddings(OpenAI):
    """The format of ``POST /v1/embeddings``: equal inputs have equal vectors."""

    def body(self, ask: Ask, answer: Answer, ident: str) -> dict[str, Any]:  # noqa: ARG002 - nothing is said
        """One vector per input."""
        encode = _base64 if ask.body.get("encoding_format") == "base64" else list[float]
        vectors = [encode(_vector(text)) for text in _inputs(ask.body.get("input"))]
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        used = tokens(compact(ask.body.get("input")))
        return {
            "object": "list",
            "data": data,
            "model": ask.model,
            "usage": {"prompt_tokens": used, "total_tokens": used},
        }


def _inputs(value: object) -> list[object]:
    """The inputs one by one: a string or a list of token numbers is a single one."""
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    return [value] if items and isinstance(items[0], int) else items


def _vector(text: object) -> tuple[float, ...]:
    digest = hashlib.sha256(compact(text).encode()).digest()
    return tuple(byte / 255 for byte in digest[:_DIMENSIONS])


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
