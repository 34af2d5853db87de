"""What failover costs LiteLLM's proxy: its start, and a request, in turn with and without.

``python tests/benchmarks/litellm_proxy.py``: real processes, an emulated provider on loopback, medians. Started three
times each, one after another. Then three proxies run side by side, and requests go to them in turn, in rounds of 200 in
an order that is drawn. Two of the three are without failover: how far they are apart is what the machine adds.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from failover_plugin.emulator import Emulator
from support.proxies import CALLBACK, Proxy, config

STARTS, ROUNDS, REQUESTS = int(sys.argv[1]) if len(sys.argv) > 1 else 3, 5, 200
QUESTION = {"model": "chat", "messages": [{"role": "user", "content": "Say hello."}]}


def content(urls: list[str], *, ours: bool) -> Any:
    """Two deployments in one group."""
    model_list = [
        {"model_name": "chat", "litellm_params": {"model": "openai/gpt-4o", "api_base": url, "api_key": "k"}}
        for url in urls
    ]
    return config(*model_list, callback=CALLBACK if ours else None)


def start(folder: Path, urls: list[str], *, ours: bool) -> tuple[Proxy, float]:
    """A proxy, and the seconds until it answers."""
    began = time.monotonic()
    proxy = Proxy(folder, content(urls, ours=ours)).ready(installed=False)
    return proxy, time.monotonic() - began


def one_request(proxy: Proxy) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    proxy.client.post("/v1/chat/completions", json=QUESTION).raise_for_status()
    return 1e3 * (time.perf_counter() - began)


def one_round(proxies: Sequence[Proxy]) -> tuple[float, ...]:
    """The median of each."""
    took: list[list[float]] = [[] for _ in proxies]
    for _ in range(REQUESTS):
        for which in random.sample(range(len(proxies)), len(proxies)):
            took[which].append(one_request(proxies[which]))
    return tuple(map(median, took))


def main() -> None:
    """Print both comparisons."""
    with Emulator() as emulator, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        urls = [emulator.site(name, reply="Hello.").openai_url for name in ("one", "two")]
        starts: dict[bool, list[float]] = {False: [], True: []}
        for number in range(STARTS):
            for ours in (False, True):
                proxy, seconds = start(folder / f"{number}-{ours}", urls, ours=ours)
                proxy.stop()
                starts[ours].append(seconds)
        without, with_us = median(starts[False]), median(starts[True])
        print(f"start: without {without:.1f} s, with {with_us:.1f} s, apart by {with_us - without:+.1f} s (goal 1 s)")

        kinds = (False, True, False)
        proxies = [start(folder / f"running-{number}", urls, ours=ours)[0] for number, ours in enumerate(kinds)]
        try:
            rounds = [one_round(proxies) for _ in range(1 + ROUNDS)][1:]
        finally:
            for proxy in proxies:
                proxy.stop()
        before, ours_, after = (median(column) for column in zip(*rounds, strict=True))
        ratio = median(2 * b / (a + c) for a, b, c in rounds)
        print(f"a request: without {before:.2f} and {after:.2f} ms, with {ours_:.2f} ms, ratio {ratio:.3f} (goal 1.05)")
        print(f"without against without: {median(c / a for a, _, c in rounds):.3f} (1.02 at the most, else again)")


if __name__ == "__main__":
    main()
