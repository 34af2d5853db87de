"""From a request to a plan: which wire format a path speaks, and what the site does about it."""

from __future__ import annotations

import re
from dataclasses import replace

from failover_plugin.emulator.anthropic import Anthropic
from failover_plugin.emulator.ask import Ask
from failover_plugin.emulator.call import Call, Format
from failover_plugin.emulator.embeddings import Embeddings
from failover_plugin.emulator.faults import Fault, prefill_unsupported
from failover_plugin.emulator.openai import Azure, OpenAI
from failover_plugin.emulator.plan import Plan
from failover_plugin.emulator.site import Site
from failover_plugin.emulator.wire import Incoming

_ROUTES: tuple[tuple[re.Pattern[str], Format], ...] = (
    (re.compile(r"/v1/chat/completions"), OpenAI()),
    (re.compile(r"/v1/embeddings"), Embeddings()),
    (re.compile(r"/v1/messages"), Anthropic()),
    (re.compile(r"/openai/deployments/(?P<model>[^/]+)/chat/completions"), Azure()),
    (re.compile(r"/openai/v1/chat/completions"), Azure()),
)


def answer(site: Site, path: str, request: Incoming) -> Plan:
    """What the site answers. A path it does not know, or a body that is no JSON object, meets no fault."""
    body = request.json()
    found = _format(request.method, path)
    if found is None or body is None:
        return nowhere(request) if found is None else _refused(found[0], 400, "the body is not a JSON object")
    wire, model = found
    ask = wire.read({"model": model, **body})
    number, fault = site.admit(request.method, path, request.headers, ask)
    ask, fault = _prefilled(site, ask, fault)
    call = Call(
        format=wire,
        ask=ask,
        ident=f"{site.name}-{number}",
        reply=site.reply,
        latency=site.latency,
        provider=site.provider or "",
    )
    return fault.plan(call) if fault else call.healthy()


def nowhere(request: Incoming) -> Plan:
    """The 404 of a path that nobody serves."""
    wire = Anthropic() if "anthropic-version" in request.headers else OpenAI()
    return _refused(wire, 404, f"no such route: {request.method} {request.path}")


def _format(method: str, path: str) -> tuple[Format, str] | None:
    for pattern, wire in _ROUTES:
        if method == "POST" and (match := pattern.fullmatch(path)):
            return wire, match.groupdict().get("model", "")
    return None


def _prefilled(site: Site, ask: Ask, fault: Fault | None) -> tuple[Ask, Fault | None]:
    if not ask.prefix or site.prefill == "continue":
        return ask, fault
    if site.prefill == "refuse":
        return ask, fault or prefill_unsupported()
    return replace(ask, prefix=""), fault


def _refused(wire: Format, status: int, message: str) -> Plan:
    call = Call(format=wire, ask=wire.read({}), ident="0", reply="")
    return call.refused(status, wire.error_body(message, status))
