"""What our choice costs a LiteLLM Router, beside LiteLLM's own and beside the least that its seam can cost.

``python tests/benchmarks/litellm_router.py``: whole ``acompletion`` calls that LiteLLM answers by itself
(``mock_response``), in rounds of one process; medians, in milliseconds of processor time, since a machine is seldom
ours alone. Within a round the routers take turns call by call, in an order that is drawn: turns of many calls each told
two routers alike apart by 5 %. Of many deployments most of the time is LiteLLM's handing over of the candidates: there
the comparison is the same seam with a pick of the first one. A pick of any one, at random, is shown as well.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import sys
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["HF_HUB_OFFLINE"] = "1"

import litellm

from failover_litellm import install

ROUNDS = 21
CALLS = {2: 40, 10: 40, 100: 30, 1_000: 12}
GOAL = 1.10
MESSAGES = [{"role": "user", "content": "Say hello."}]


def deployments(count: int) -> list[dict[str, Any]]:
    """Servers of one group, which differ in their addresses."""
    return [
        {
            "model_name": "chat",
            "litellm_params": {"model": "openai/gpt-4o", "api_base": f"http://host-{n}/v1", "api_key": f"key-{n}"},
            "model_info": {"id": f"deployment-{n}"},
        }
        for n in range(count)
    ]


def routers(count: int) -> dict[str, Any]:
    """A router as it comes, one with ours installed, and two whose selector takes any candidate, or the first."""
    ours = litellm.Router(model_list=deployments(count))
    install(ours)
    return {
        "simple-shuffle": litellm.Router(model_list=deployments(count)),
        "ours": ours,
        "any candidate": with_pick(count, random.choice),
        "first candidate": with_pick(count, lambda candidates: candidates[0]),
    }


def with_pick(count: int, choose: Callable[[list[Any]], Any]) -> Any:
    """A router whose selector is asked as ours is, and does nothing but choose."""
    router = litellm.Router(model_list=deployments(count), routing_strategy="latency-based-routing")
    selector = router.lowestlatency_logger

    async def pick(healthy_deployments: list[Any], **_: Any) -> Any:
        return choose(healthy_deployments)

    selector.async_get_available_deployments = pick
    litellm.logging_callback_manager.drop_callbacks([selector])
    return router


async def one_call(router: Any) -> float:
    """Its milliseconds."""
    start = process_time()
    await router.acompletion(model="chat", messages=MESSAGES, mock_response="Hello.")
    return (process_time() - start) * 1e3


async def one_round(contenders: dict[str, Any], calls: int) -> dict[str, float]:
    """The median of so many calls to each router."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(calls):
        for name in random.sample(list(contenders), len(contenders)):
            taken[name].append(await one_call(contenders[name]))
    return {name: median(times) for name, times in taken.items()}


async def measure(count: int) -> dict[str, float]:
    """The median of all rounds of each router, and ours as a ratio to the others, round by round."""
    contenders = routers(count)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(-2, ROUNDS):
        for name, taken in (await one_round(contenders, CALLS[count])).items():
            if number >= 0:
                times[name].append(taken)
    ratios = {
        f"ours : {name}": median(mine / theirs for mine, theirs in zip(times["ours"], times[name], strict=True))
        for name in times
        if name != "ours"
    }
    for router in contenders.values():
        router.retire()
    return {name: median(taken) for name, taken in times.items()} | ratios


def main() -> int:
    """Print the table; 1 if a goal is missed."""
    litellm.suppress_debug_info = True
    logging.disable(logging.CRITICAL)
    missed = 0
    for count in CALLS:
        gc.collect()
        figures = asyncio.run(measure(count))
        against = "simple-shuffle" if count <= 10 else "first candidate"
        ratio = figures[f"ours : {against}"]
        missed += ratio > GOAL
        told = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
        print(f"{count:5} deployments: {told}  {'ok' if ratio <= GOAL else 'MISSED'} (goal {GOAL} to {against})")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
