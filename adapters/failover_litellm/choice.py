"""The answer to LiteLLM's question which deployment to call: the core's choice, its time limits written into a copy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from litellm.exceptions import ServiceUnavailableError

from failover_litellm.fleet import Fleet
from failover_litellm.host import mapping
from failover_litellm.journey import Journey, mark
from failover_litellm.targets import Deployment
from failover_plugin import Permit, Request


class _Zero(int):
    """0, but true: LiteLLM's embeddings take a false ``max_retries`` for a missing one, and retry twice (1.106)."""

    def __bool__(self) -> bool:
        return True


_NO_RETRIES = _Zero(0)
_TIMEOUTS = ("timeout", "request_timeout")


@dataclass(frozen=True, slots=True)
class Choice:
    """Call this deployment. A time limit that the caller gave for this very call wins, as everywhere in LiteLLM."""

    permit: Permit
    offered: Deployment
    asked: Mapping[str, Any]

    @property
    def wait(self) -> float:
        """Seconds to let pass before the call."""
        return self.permit.wait

    @property
    def limit(self) -> float:
        """Seconds until the answer, or a stream's first content, is overdue."""
        ours = self.permit.first_content_timeout if self.asked.get("stream") else self.permit.timeout
        return self._given or ours

    def deployment(self, *, watched: bool) -> dict[str, Any]:
        """A copy for LiteLLM, with limits for the client.

        A client knows one limit for every silence of a stream. Where we watch the time ourselves it is the longer of
        ours, elsewhere the shorter.
        """
        permit, params = self.permit, dict(self.offered["litellm_params"])
        silences = permit.first_content_timeout, permit.idle_timeout
        silence = self._given or (max(silences) if watched else min(silences))
        for name, ours in {"timeout": permit.timeout, "stream_timeout": silence}.items():
            params[name] = min(_seconds(params.get(name)) or ours, ours)
        return {**self.offered, "litellm_params": params}

    @property
    def _given(self) -> float | None:
        names = ("stream_timeout", *_TIMEOUTS) if self.asked.get("stream") else _TIMEOUTS
        return next((seconds for name in names if (seconds := _seconds(self.asked.get(name)))), None)


def choose(
    fleet: Fleet,
    journey: Journey | None,
    *,
    model: str,
    healthy_deployments: list[Deployment],
    messages: Any = None,
    request_kwargs: dict[str, Any] | None = None,
    **_: Any,
) -> Choice:
    """Ask the core. Raises what ends the host's loop where the core gives up.

    The client's own retries are switched off in the live request, where LiteLLM would put a default: nobody sees them.
    A question without a request behind it (LiteLLM counts tokens so) gets an answer, and no permit is kept for it.
    """
    offered = fleet.offer(healthy_deployments)
    asked = {} if request_kwargs is None else request_kwargs
    asked.setdefault("max_retries", _NO_RETRIES)
    request = describe(model, messages, asked)
    asking = journey or Journey(fleet.failover)
    permit = asking.choose(request, offered, streaming=bool(asked.get("stream")))
    if permit is None:
        raise asking.refusal(lambda: _nobody(fleet, request, offered))
    if journey is None:
        asking.leave()
    return Choice(permit, offered[permit.target.id], asked)


def describe(model: str, messages: Any, asked: Mapping[str, Any]) -> Request:
    """The facts of a request, without its payload."""
    needs = {
        "tools": bool(asked.get("tools") or asked.get("functions")),
        "schema": _kind(asked.get("response_format")) == "json_schema",
        "images": any(_kind(part) == "image_url" for part in _parts(messages)),
    }
    return Request(model=model, needs=frozenset(need for need, needed in needs.items() if needed))


def _nobody(fleet: Fleet, request: Request, offered: Collection[str]) -> Exception:
    """Why nobody on offer can be asked, as an error that LiteLLM's callers know."""
    skips = [skip for skip in fleet.failover.explain(request).skips if skip.target in offered]
    returns = [skip.returns_in for skip in skips if skip.returns_in is not None]
    why = "; ".join(str(skip).strip() for skip in skips) or "none is on offer"
    error = ServiceUnavailableError(f"No deployment can be asked: {why}.", llm_provider="", model=request.model or "")
    mark(error, num_retries=0, retry_after=min(returns, default=None))
    return error


def _seconds(value: Any) -> float | None:
    """A limit as LiteLLM takes them: a number, or an object of httpx's with one for every phase."""
    value = getattr(value, "read", value)
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _parts(messages: Any) -> list[Any]:
    contents = [mapping(message).get("content") for message in messages or ()]
    lists: list[list[Any]] = [content for content in contents if isinstance(content, list)]
    return [part for parts in lists for part in parts]


def _kind(value: Any) -> Any:
    return mapping(value).get("type")
