"""What a script is made of: plain values, so that one can be printed, compared and played again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

Way = Literal["invoke", "ainvoke", "stream", "astream", "abatch"]
"""How a request is made. LiteLLM: ``completion``, ``acompletion``, each plain or streamed, many at once."""

Runtime = Literal["virtual", "asyncio", "uvloop", "notebook", "threads", "gevent", "run_each"]
"""Where it is played: in virtual time, or in real time under one of these drivers (see ``player``)."""

PROVIDER = frozenset(
    {
        *("server_error", "overloaded", "rate_limit", "named", "invalid_api_key", "permission_denied"),
        *("model_not_found", "insufficient_quota", "reset", "refused", "hang", "slow", "cut", "empty"),
    }
)
"""Deeds that are a failure of the provider's. ``named``: a 429 that names a Retry-After, and keeps to it."""

OF_THE_KEY = frozenset({"invalid_api_key", "permission_denied", "model_not_found", "insufficient_quota"})
BUSY = frozenset({"rate_limit", "named", "overloaded"})

REFUSALS = frozenset({"context_length", "payload_too_large", "unsupported", "content_policy", "strict", "unexplained"})
"""Deeds that are a provider's answer to this one request: a failure of nobody's."""

LOCAL = frozenset({"pool_timeout", "too_many_files", "no_memory", "no_thread", "loop_closed", "other_loop", "offline"})
"""Deeds of our own process: a client raises, and nothing has been sent."""

CALLER = frozenset({"type_error", "value_error", "key_error"})
"""Deeds of the caller's: the client refuses the arguments, and nothing has been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What a target does to everybody who asks from ``start`` to ``end`` (seconds since the script's start).

    ``seconds`` is how late a ``slow`` one is.
    """

    start: float
    end: float
    does: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One target: who it is, and what it does by the clock.

    ``refuses`` names the deed that a request with a feature meets. ``capacity`` calls at once are answered, the others
    told ``when_full``; ``per_second`` is the rate beyond which a 429 names a Retry-After. ``limiter`` is the rate of a
    LangChain rate limiter on the model. ``timeout`` is the client's own, in seconds.
    """

    name: str
    provider: str = "openai"
    model: str = ""
    key: str = ""
    region: str = ""
    latency: float = 0.1
    phases: tuple[Phase, ...] = ()
    refuses: Mapping[str, str] = field(default_factory=dict[str, str])
    capacity: int | None = None
    when_full: str = "overloaded"
    per_second: float | None = None
    limiter: float | None = None
    timeout: float | None = 60.0

    def doing(self, at: float) -> Phase | None:
        """The phase at this time, None if the target is well."""
        return next((phase for phase in self.phases if phase.start <= at < phase.end), None)

    @property
    def text(self) -> str:
        """What its model says, whole."""
        return f"This is {self.name}, and that is all of it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. ``leaves``: the caller cancels it after so many seconds; ``timeout``: the limit given with the call.

    Those of one ``batch`` are one call of ``abatch``.
    """

    number: int
    at: float
    way: Way = "ainvoke"
    features: frozenset[str] = frozenset()
    leaves: float | None = None
    timeout: float | None = None
    batch: int | None = None

    @property
    def prompt(self) -> str:
        """The number is in the words, so that a target knows who asks."""
        return f"request {self.number}: say who you are"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """What happens to the process itself at a time: ``stall``, ``callback``, ``collect``, ``freeze``, ``starve``."""

    at: float
    what: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One world and what is asked in it.

    ``by_share``: answers depend on load or luck, so the shares served are compared and not the single requests.
    ``thrifty``: nothing in it is a reason to call twice, so this script alone must not cost more calls.
    ``at_home``: nor to go elsewhere, so everybody is answered by the same target as on the other side.
    ``layout`` is how the targets are put together. LangChain: ``plain`` models, ``chains``, or a failover that is
    ``nested`` in another. LiteLLM: ``plain``, all in one group, or ``groups``, each in one, with ``fallbacks``.
    """

    host: str
    kind: str
    seed: int
    actors: tuple[Actor, ...]
    asks: tuple[Ask, ...]
    runtime: Runtime = "virtual"
    disturbances: tuple[Disturbance, ...] = ()
    by_share: bool = False
    thrifty: bool = False
    at_home: bool = False
    layout: str = "plain"

    def __str__(self) -> str:
        return f"python -m tests.harmless {self.host} {self.kind} {self.seed}"

    def ask(self, number: int) -> Ask:
        """The request of this number."""
        return self.asks[number]

    def actor(self, name: str) -> Actor:
        """The target of this name."""
        return next(actor for actor in self.actors if actor.name == name)

    def shifted(self) -> Script:
        """The same, but that everybody asks a little later: what only hung on the moment turns out differently."""
        dice = Random(f"{self.kind} {self.seed} again")
        later = {at: dice.uniform(0.0, 0.3) for at in sorted({ask.at for ask in self.asks})}
        return replace(self, asks=tuple(replace(ask, at=ask.at + later[ask.at]) for ask in self.asks))
