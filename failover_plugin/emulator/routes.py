"""From a request to a plan: what a path leads to, and what the site does about it."""

from __future__ import annotations

from dataclasses import replace

from failover_plugin.emulator.anthropic import Anthropic
from failover_plugin.emulator.ask import Ask
from failover_plugin.emulator.call import Call, Format
from failover_plugin.emulator.faults import Fault, prefill_unsupported
from failover_plugin.emulator.openai import OpenAI
from failover_plugin.emulator.paths import route
from failover_plugin.emulator.plan import Plan
from failover_plugin.emulator.site import Site
from failover_plugin.emulator.wire import Incoming


def answer(site: Site, path: str, request: Incoming) -> Plan:
    """What the site answers. A path it does not know, or a body that is no JSON object, meets no fault."""
    accept = request.headers.get("accept", "")
    found = route(f"{path}?{request.query}", site.provider, accept)
    if found is None or request.method != "POST":
        return nowhere(request)
    body = request.fields()
    if body is None:
        return _refused(found.format, 400, "the body is neither a JSON object nor a form")
    ask = found.format.read({"model": found.model, **body} if found.model else body)
    number, fault = site.admit(request.method, path, request.headers, ask)
    ask, fault = _prefilled(site, ask, fault)
    call = Call(
        format=found.format,
        provider=found.provider,
        ask=ask,
        ident=f"{site.name}-{number}",
        reply=site.reply,
        latency=site.latency,
    )
    return fault.plan(call) if fault else call.healthy()


def nowhere(request: Incoming) -> Plan:
    """The 404 of a path that nobody serves."""
    wire = Anthropic() if "anthropic-version" in request.headers else OpenAI()
    return _refused(wire, 404, f"no such route: {request.method} {request.path}")


def _prefilled(site: Site, ask: Ask, fault: Fault | None) -> tuple[Ask, Fault | None]:
    if not ask.prefix or site.prefill == "continue":
        return ask, fault
    if site.prefill == "refuse":
        return ask, fault or prefill_unsupported()
    return replace(ask, prefix=""), fault


def _refused(wire: Format, status: int, message: str) -> Plan:
    call = Call(format=wire, ask=wire.read({}), ident="0", reply="")
    return call.refused(status, wire.error_body(message, status))
