"""The real LiteLLM Router before emulated providers: what it did in each case, as JSON.

A process of its own, because LiteLLM reads its delays from the environment when it is imported, and keeps clients,
tasks and callbacks for as long as its process lives. All cases run side by side, each with a router and providers of
its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from failover_plugin.emulator import Emulator, Fault, Site, faults

SCALE = 20
"""Backoffs are so many times shorter than LiteLLM's own."""

FASTER = {"INITIAL_RETRY_DELAY": str(0.5 / SCALE), "MAX_RETRY_DELAY": str(8.0 / SCALE), "JITTER": "0"}
"""LiteLLM's own settings, by environment."""

COOLDOWN = 300
"""Seconds: so long that whoever sits out still does when a busy machine has come to look."""

FAULTS: dict[str, Callable[[], Fault]] = {
    "error": faults.server_error,
    "429": faults.rate_limit,
    "429 for 1 s": lambda: faults.rate_limit(1),
    "429 for 50 s": lambda: faults.rate_limit(50),
    "quota": faults.insufficient_quota,
    "auth": faults.invalid_api_key,
    "529": lambda: faults.status(529),
    "ctx": faults.context_length,
    "refuse": faults.reset,
    "timeout": faults.hang,
    "mid": faults.cut,
    "stall": faults.stall,
    "empty": faults.empty,
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Streams asked for one after the other, of a group whose deployments all have the same fault."""

    kind: str
    group: int
    requests: int = 3
    every: float = 0.0
    """Seconds between the starts of two requests."""

    def __str__(self) -> str:
        return f"{self.requests} x {self.kind}, group of {self.group}"


MINUTE = Case(kind="error", group=1, requests=11, every=6.0 / SCALE)
"""The measured one: 11 requests in a minute, one primary and one fallback group. Time is scaled as the backoffs are."""

CASES = [
    MINUTE,
    *(Case(kind=kind, group=2) for kind in FAULTS if kind != "429 for 1 s"),
    *(Case(kind=kind, group=1) for kind in FAULTS if not kind.startswith("429 for")),
    Case(kind="429 for 1 s", group=1, requests=1),
]


@dataclass(frozen=True)
class Seen:
    """Calls that reached the group and the fallback; deployments that sit out afterwards; requests answered."""

    group: int
    fallback: int
    cooling: int
    answered: list[bool]


async def main() -> None:
    import litellm
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    litellm.suppress_debug_info = True
    logging.disable(logging.CRITICAL)
    with Emulator() as emulator:
        seen = await asyncio.gather(*(_play(emulator, number, case) for number, case in enumerate(CASES)))
    cases = {str(case): asdict(each) for case, each in zip(CASES, seen, strict=True)}
    json.dump({"cases": cases, "constants": _constants()}, sys.stdout)
    await litellm.close_litellm_async_clients()
    await GLOBAL_LOGGING_WORKER.stop()


def _constants() -> dict[str, float]:
    """What the router has when nobody says anything; but for what ``FASTER`` says."""
    import litellm
    from litellm import constants

    return {
        "NUM_RETRIES": litellm.Router(model_list=[]).num_retries,
        "MAX_FALLBACKS": constants.ROUTER_MAX_FALLBACKS,
        "COOLDOWN_TIME": constants.DEFAULT_COOLDOWN_TIME_SECONDS,
        "FAILURE_THRESHOLD": constants.DEFAULT_FAILURE_THRESHOLD_PERCENT,
        "MINIMUM_REQUESTS": constants.DEFAULT_FAILURE_THRESHOLD_MINIMUM_REQUESTS,
        "ALL_FAILED_REQUESTS": constants.SINGLE_DEPLOYMENT_TRAFFIC_FAILURE_THRESHOLD,
    }


async def _play(emulator: Emulator, number: int, case: Case) -> Seen:
    group = [emulator.site(f"{number}-{i}", reply="Hello from the group.") for i in range(case.group)]
    fallback = emulator.site(f"{number}-fallback", reply="Hello from the fallback.")
    for site in group:
        site.fail(FAULTS[case.kind]())
    router = _router(group, fallback, 1.0 if case.kind in ("timeout", "stall") else 30.0)
    loop = asyncio.get_running_loop()
    begin, answered = loop.time(), []
    for n in range(case.requests):
        await asyncio.sleep(max(0.0, begin + n * case.every - loop.time()))
        answered.append(await _ask(router))
    cooling = await _cooling(router, [site.name for site in group])
    router.retire()
    return Seen(sum(len(site.requests) for site in group), len(fallback.requests), cooling, answered)


def _router(group: list[Site], fallback: Site, patience: float) -> Any:
    import litellm

    deployments = [*(_deployment("chat", site, patience) for site in group), _deployment("other", fallback, 30.0)]
    return litellm.Router(model_list=deployments, fallbacks=[{"chat": ["other"]}], cooldown_time=COOLDOWN)


def _deployment(name: str, site: Site, patience: float) -> dict[str, Any]:
    params = {"model": "openai/gpt-4o", "api_base": site.openai_url, "api_key": "none", "timeout": patience}
    return {"model_name": name, "litellm_params": params, "model_info": {"id": site.name}}


async def _ask(router: Any) -> bool:
    """Whether the caller got the whole of somebody's answer."""
    try:
        stream = await router.acompletion("chat", [{"role": "user", "content": "hi"}], stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    except Exception:  # noqa: BLE001 - a lost request is a result here
        return False
    return text == "Hello from the fallback."


async def _cooling(router: Any, ids: list[str]) -> int:
    cooldowns = router.health().cooldowns
    return len(await cooldowns.async_get_active_cooldowns(model_ids=ids, parent_otel_span=None))


if __name__ == "__main__":
    asyncio.run(main())
