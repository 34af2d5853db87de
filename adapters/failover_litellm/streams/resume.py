"""How a chat stream that dies after its first content goes on at another deployment, as one text.

Only text can be gone on with: a tool call, audio or a second choice that was delivered in part cannot. A deployment
that takes a prefix is handed the text so far; any other starts anew, and what it repeats is checked and dropped. If it
says something else, the caller gets the error that broke the first stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, Protocol, cast

from failover_plugin import Permit

_NOT_SAID = frozenset(("content", "provider_specific_fields", "role"))
"""Fields of a delta that are text, or nothing that is said."""


class Resume(Protocol):
    """What the host does for a stream that is to go on. The permits are of one request."""

    def next(self, permit: Permit) -> Permit | None:
        """Leave for the attempt after this one, which has failed; None if there is to be none."""
        ...

    def open(self, permit: Permit, prefix: str | None) -> Any:
        """LiteLLM's chat stream of ``permit.target``, with the text so far as the assistant's last words."""
        ...

    async def aopen(self, permit: Permit, prefix: str | None) -> Any:
        """The same, asynchronously."""
        ...


class DeliveredText:
    """The text that a stream's caller has had, over all of its attempts."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._repetition: Any = None
        self._identity: dict[str, Any] | None = None
        self.resumable = True
        """Whether text is all that was delivered."""

    @property
    def so_far(self) -> str:
        """All of it."""
        return "".join(self._parts)

    @property
    def up_to_date(self) -> bool:
        """Whether the attempt under way has repeated all that was delivered before it."""
        return self._repetition is None or self._repetition.complete

    def resume(self, permit: Permit) -> str | None:
        """Another attempt begins. Returns the prefix to hand to its target, None if that takes none."""
        self._repetition = permit.repetition(self.so_far)
        return self.so_far if permit.takes_prefix else None

    def deliver(self, chunk: Any) -> Any:
        """The chunk as the caller is to have it, None if it brings nothing new.

        Raises ``Diverged``, the core's, if a restarted stream says something else than what was delivered.
        """
        if self._repetition is not None and (chunk := self._beyond(chunk)) is None:
            return None
        if self._identity is None:
            self._identity = {"id": chunk.id, "model": chunk.model, "created": chunk.created}
        for choice in chunk.choices:
            if choice.index or _says_other_than_text(choice.delta):
                self.resumable = False
            if text := choice.delta.content:
                self._parts.append(text)
        return chunk

    def _beyond(self, chunk: Any) -> Any:
        """A resumed stream's chunk, as far as it goes beyond what was delivered, under the first stream's name."""
        text = "".join(choice.delta.content or "" for choice in chunk.choices)
        behind = not self._repetition.complete
        same = self._repetition.repeated(text) if text else 0
        ends = any(choice.finish_reason for choice in chunk.choices) or getattr(chunk, "usage", None) is not None
        if ends:
            self._repetition.ended()
        elif same == len(text) and (behind or not _says_anything(chunk)):
            return None
        return _renamed(chunk, text[same:] if text else None, self._identity or {})


def _says_anything(chunk: Any) -> bool:
    return any(choice.delta.content or _says_other_than_text(choice.delta) for choice in chunk.choices)


def _says_other_than_text(delta: Any) -> bool:
    """Whether any field of a delta but its text is filled: read without asking for fields that it has not."""
    fields = cast("Mapping[str, Any]", vars(delta))
    extra = cast("Mapping[str, Any]", getattr(delta, "__pydantic_extra__", None) or {})
    return any(value and name not in _NOT_SAID for name, value in chain(fields.items(), extra.items()))


def _renamed(chunk: Any, text: str | None, identity: dict[str, Any]) -> Any:
    """A copy of the chunk with this text, and without the role that the first stream has told."""
    copy = chunk.model_copy(update=identity, deep=True)
    for choice in copy.choices:
        choice.delta.role = None
    if copy.choices and text is not None:
        copy.choices[0].delta.content = text
    return copy
