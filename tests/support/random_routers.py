"""Random LiteLLM routers, each with one request: what users write into ``model_list``, in any combination.

A deployment answers with its own number, so that the answer tells who gave it: out of ``mock_response``, which costs no
network; a stream from a site of the emulator, for LiteLLM makes a mocked one up out of a whole answer.

A draw is decided by its seed alone. LiteLLM may refuse what was drawn; then draw again.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from failover_plugin.emulator import Site

ONE_BY_ONE = ("completion", "stream", "embedding", "responses")
"""Asked synchronously, in one thread: each call begins when the one before it has ended."""

STREAMS = ("astream", "stream")
CHAT = ("acompletion", "completion", *STREAMS)
ENDPOINTS = (
    *("acompletion",) * 8,
    *("completion",) * 3,
    *("astream", "stream", "aembedding", "embedding", "atext_completion", "aresponses", "responses", "messages"),
)

STATEFUL = (
    "least-busy",
    "latency-based-routing",
    "usage-based-routing",
    "usage-based-routing-v2",
    "cost-based-routing",
)
_SHUFFLE = "simple-shuffle"
_MODELS = (
    "openai/gpt-4o",
    "openai/gpt-4o-mini",
    "anthropic/claude-sonnet-4-5",
    "azure/gpt-4o",
    "gemini/gemini-2.5-flash",
)
_STREAMING_MODELS = _MODELS[:3]
"""Of providers that the emulator speaks like at any address."""
_GROUPS = ("chat", "fast", "gpt-4o", "openai/gpt-4o", "claude", "o3")
_TAGS = ("paid", "free", "eu", "default", "blue")
_TEAMS = ("team-a", "team-b")
_PATTERNS = {
    "openai/*": ("openai/*", ["openai/gpt-4o", "openai/gpt-4o-mini", "openai/no-such-model"]),
    "openai/gpt-*": ("openai/gpt-*", ["openai/gpt-4o", "openai/gpt-4o-mini"]),
    "anthropic/*": ("anthropic/*", ["anthropic/claude-sonnet-4-5"]),
    "my-*": ("openai/gpt-*", ["my-4o"]),
    "*": ("openai/*", ["gpt-4o", "openai/gpt-4o", "who-knows"]),
}
_LONG = "All work and no play makes Jack a dull boy. " * 40

T = TypeVar("T")
Deployment = dict[str, Any]


class Narrowing:
    """A routing plugin: it lets only these models through."""

    def __init__(self, models: Sequence[str]) -> None:
        self._models = models

    def __repr__(self) -> str:
        return f"Narrowing({list(self._models)})"

    def __deepcopy__(self, memo: object) -> Narrowing:
        return self

    async def run(self, context: Any) -> Any:
        kept = [model for model in context.candidate_models if model in self._models]
        return context.model_copy(update={"candidate_models": kept})


@dataclass(kw_only=True)
class Case:
    """The arguments of a router, and the one request that it is sent again and again."""

    seed: str
    settings: dict[str, Any] = field(default_factory=dict)
    endpoint: str = "acompletion"
    request: dict[str, Any] = field(default_factory=dict)
    at_once: bool = False
    """All calls at the same time; else one after the other."""
    reused: bool = False
    """The caller passes the same objects with every call. LiteLLM writes into them."""
    stateful: bool = False
    """Some strategy other than the shuffle may choose: one that sticks to the cheapest, the fastest, the idlest."""

    @property
    def deployments(self) -> list[Deployment]:
        return self.settings["model_list"]

    def served_by(self, sites: Sequence[Site]) -> Case:
        """The same, each stream from the site with its deployment's number."""
        if self.endpoint not in STREAMS:
            return self
        other = copy.deepcopy(self)
        for deployment, site in zip(other.deployments, sites, strict=False):
            params = deployment["litellm_params"]
            del params["mock_response"]
            params["api_base"] = site.anthropic_url if params["model"].startswith("anthropic/") else site.openai_url
        return other

    def shuffled(self) -> Case:
        """The same, but that whoever may be chosen is: no strategy with preferences, and no weights."""
        other = copy.deepcopy(self)
        other.settings.pop("routing_strategy", None)
        other.request.pop("routing_strategy", None)
        other.request.pop("_router_weights", None)
        for group in other.settings.get("routing_groups", ()):
            if group["routing_strategy"] != "priority":
                group["routing_strategy"] = _SHUFFLE
        for deployment in other.deployments:
            for weight in ("weight", "rpm", "tpm"):
                deployment["litellm_params"].pop(weight, None)
        return other


class Draw:
    """One case in the making. ``names`` are those worth asking for; the more often, the more likely."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.case = Case(seed=seed)
        self.settings, self.request = self.case.settings, self.case.request
        self.names: list[str] = []
        self.groups: list[str] = []
        self.models = _MODELS

    def one(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)

    def some(self, choices: Sequence[T], least: int = 0) -> list[T]:
        return self.random.sample(choices, self.random.randint(min(least, len(choices)), len(choices)))

    def happens(self, probability: float) -> bool:
        return self.random.random() < probability

    def each(self, probability: float) -> list[Deployment]:
        """Every deployment with this probability."""
        return [d for d in self.case.deployments if self.happens(probability)]

    def metadata(self) -> dict[str, Any]:
        """The request's, under the name that its endpoint reads."""
        name = "litellm_metadata" if self.case.endpoint in ("aresponses", "responses", "messages") else "metadata"
        return self.request.setdefault(name, {})


def draw(seed: str) -> Case:
    """The case of this seed, always the same."""
    it = Draw(seed)
    case = it.case
    case.endpoint = it.one(ENDPOINTS)
    it.models = _STREAMING_MODELS if case.endpoint in STREAMS else _MODELS
    case.at_once = case.endpoint not in ONE_BY_ONE and it.happens(0.5)
    case.reused = it.happens(0.15)
    _deployments(it)
    _question(it)
    for probability, feature in _FEATURES:
        if it.happens(probability):
            feature(it)
    case.request["model"] = it.one([*it.groups * 6, *it.names])
    return case


def _deployments(it: Draw) -> None:
    it.groups = it.random.sample(_GROUPS, it.one((1, 1, 1, 1, 2, 2, 3, 4)))
    it.settings["model_list"] = [_deployment(it, number) for number in range(it.random.randint(1, 10))]
    it.groups = sorted({d["model_name"] for d in it.case.deployments})


def _deployment(it: Draw, number: int) -> Deployment:
    answer: object = [float(number)] if it.case.endpoint in ("aembedding", "embedding") else f"d{number}"
    params = {
        "model": it.one(it.models),
        "api_key": it.one(("key-1", "key-2", f"key-of-{number}")),
        "api_base": it.one(("http://127.0.0.1:9/v1", f"http://127.0.0.1:9/{number}/v1")),
        "mock_response": answer,
    }
    return {"model_name": it.one(it.groups), "litellm_params": params, "model_info": {"id": f"d{number}"}}


def _question(it: Draw) -> None:
    text = "Say hello." if it.happens(0.8) else _LONG
    endpoint = it.case.endpoint
    if endpoint in CHAT or endpoint == "messages":
        it.request["messages"] = [{"role": "user", "content": text}]
    elif endpoint == "atext_completion":
        it.request["prompt"] = text
    else:
        it.request["input"] = [text] if endpoint.endswith("embedding") else text
    if endpoint == "messages":
        it.request["max_tokens"] = 100
    it.settings["num_retries"] = it.one((0, 0, 1)) if it.case.at_once else 0


def _no_ids(it: Draw) -> None:
    for deployment in it.each(0.5):
        deployment.pop("model_info")


def _aliases(it: Draw) -> None:
    targets = [*it.groups * 2, "no-such-group", "d0"]
    aliases: dict[str, Any] = {}
    for alias in it.some(("gpt-3.5-turbo", "best", "cheap", it.groups[0]), least=1):
        target = it.one(targets)
        aliases[alias] = target if it.happens(0.6) else {"model": target, "hidden": it.happens(0.5)}
    it.settings["model_group_alias"] = aliases
    it.names += list(aliases) * 4


def _wildcards(it: Draw) -> None:
    patterns = it.some(list(_PATTERNS), least=1)
    for deployment in it.each(0.5):
        pattern = it.one(patterns)
        deployment["model_name"] = pattern
        deployment["litellm_params"]["model"] = it.one((_PATTERNS[pattern][0], it.one(it.models)))
    it.groups = sorted({d["model_name"] for d in it.case.deployments})
    for pattern in patterns:
        it.names += _PATTERNS[pattern][1] * 3


def _tags(it: Draw) -> None:
    for deployment in it.each(0.7):
        deployment["litellm_params"]["tags"] = it.some(_TAGS, least=1)
    if it.happens(0.8):
        it.settings["enable_tag_filtering"] = True
    if it.happens(0.4):
        it.settings["tag_filtering_match_any"] = it.happens(0.5)
    if it.happens(0.8):
        it.metadata()["tags"] = it.some(_TAGS)[:2]


def _stranger_tags(it: Draw) -> None:
    """Tags that forbid, require or match a header; filtering per group and per request."""
    _tags(it)
    it.metadata()["tags"] = [it.one(("", "!", "&", "route:")) + tag for tag in it.some(_TAGS, least=1)[:3]]
    if it.happens(0.3):
        it.settings["tag_routing_prefix"] = "route:"
    if it.happens(0.3):
        it.request["enable_tag_filtering"] = it.happens(0.7)
    for deployment in it.each(0.2):
        deployment["litellm_params"]["tag_regex"] = ["^User-Agent: curl"]
        it.metadata()["user_agent"] = it.one(("curl/8", "wget/1"))
    for name in ("allow_fail_open", "enable_tag_filtering"):
        for deployment in it.each(0.2 if it.happens(0.5) else 0):
            _info(deployment)[name] = it.happens(0.8)


def _teams(it: Draw) -> None:
    for deployment in it.each(0.3):
        _info(deployment)["team_id"] = it.one(_TEAMS)
        if it.happens(0.5):
            _info(deployment)["team_public_model_name"] = it.one(("team-chat", *it.groups))
    if it.happens(0.8):
        it.metadata()["user_api_key_team_id"] = it.one((*_TEAMS * 2, "team-c"))
    it.names += ["team-chat"] * 4


def _windows(it: Draw) -> None:
    """Reserved for one team, all day."""
    for deployment in it.each(0.4):
        _info(deployment)["access_windows"] = [
            {"start": "00:00:00", "end": "23:59:59", "timezone": "UTC", "team_ids": [it.one(_TEAMS)]}
        ]
    if it.happens(0.7):
        it.metadata()["user_api_key_team_id"] = it.one(_TEAMS)


class Caller:
    """What the proxy knows of a key."""

    user_role = "internal_user"

    def __init__(self, models: list[str]) -> None:
        self.models, self.team_models = models, list[str]()

    def __repr__(self) -> str:
        return f"Caller({self.models})"

    def __deepcopy__(self, memo: object) -> Caller:
        return self


def _access_groups(it: Draw) -> None:
    for deployment in it.each(0.6):
        _info(deployment)["access_groups"] = it.some(("beta", "gold"), least=1)
    if it.happens(0.7):
        it.metadata()["user_api_key_auth"] = Caller(it.some(("beta", "gold", *it.groups), least=1))
    it.names += ["beta"]


def _order(it: Draw) -> None:
    for deployment in it.each(it.one((0.5, 1.0))):
        deployment["litellm_params"]["order"] = it.one((1, 1, 2, 3))


def _weights(it: Draw) -> None:
    """A share of at least 1 in 28, so that 300 calls leave nobody out by chance."""
    for deployment in it.each(it.one((0.6, 1.0))):
        deployment["litellm_params"]["weight"] = it.one((1, 1, 2, 3, 0.5 if it.happens(0.2) else 1))


def _zero_weights(it: Draw) -> None:
    for deployment in it.each(0.5):
        deployment["litellm_params"]["weight"] = it.one((0, 0, 1))


def _limits(it: Draw) -> None:
    """Numbers that no test reaches: LiteLLM's shuffle takes them for weights."""
    limit, unit = it.one((("rpm", 100_000), ("tpm", 10_000_000), ("rpm", 100_000)))
    for deployment in it.each(it.one((0.6, 1.0))):
        deployment["litellm_params"][limit] = unit * it.one((1, 2, 3))


def _low_limits(it: Draw) -> None:
    """LiteLLM's shuffle does not hold anybody to its limit, unless more are asked at once than a limit allows."""
    if not it.case.stateful:
        it.case.at_once = False
        for deployment in it.each(1.0):
            deployment["litellm_params"]["rpm"] = it.one((3, 5, 9))


def _parallel(it: Draw) -> None:
    it.settings["default_max_parallel_requests"] = 1000
    for deployment in it.each(0.5):
        deployment["litellm_params"]["max_parallel_requests"] = it.one((1, 2)) if not it.case.at_once else 500


def _strategy(it: Draw) -> None:
    it.settings["routing_strategy"] = it.one(STATEFUL)
    it.case.stateful = True


def _strategy_of_request(it: Draw) -> None:
    it.request["routing_strategy"] = it.one((*STATEFUL, _SHUFFLE))
    it.case.stateful = True


def _routing_groups(it: Draw) -> None:
    free, groups = it.some(it.groups, least=1), []
    while free:
        members = [free.pop() for _ in range(it.random.randint(1, len(free)))]
        strategy = it.one((_SHUFFLE, _SHUFFLE, _SHUFFLE, *STATEFUL))
        it.case.stateful |= strategy != _SHUFFLE
        groups.append({"group_name": f"group-{len(groups)}", "models": members, "routing_strategy": strategy})
    it.settings.setdefault("routing_groups", []).extend(groups)
    it.names += [group["group_name"] for group in groups] * 4


def _priority_group(it: Draw) -> None:
    members = it.some(it.groups, least=1)
    group = {
        "group_name": "by-priority",
        "models": members,
        "routing_strategy": "priority",
        "model_priorities": {member: it.one((1, 1, 2, 3)) for member in members},
    }
    it.settings.setdefault("routing_groups", []).append(group)
    it.names += ["by-priority"] * 6


def _blocked(it: Draw) -> None:
    for deployment in it.each(it.one((0.3, 0.3, 0.9))):
        _info(deployment)["blocked"] = True


def _fallbacks(it: Draw) -> None:
    targets: list[Any] = [*it.groups, "no-such-group", "d0"]
    for name in it.some(("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"), least=1):
        sources = it.some([*it.groups, "no-such-group", "*"], least=1)
        it.settings[name] = [{source: it.some(targets, least=1)} for source in sources]
    if it.happens(0.4):
        it.settings["default_fallbacks"] = it.some(targets, least=1)
    if it.happens(0.2):
        it.request["fallbacks"] = it.some([*targets, {"model": it.one(it.groups)}], least=1)
    if it.happens(0.2):
        it.request["disable_fallbacks"] = True
    if it.happens(0.2):
        it.settings["max_fallbacks"] = it.one((0, 1, 2))
    it.names += ["no-such-group"] * 3


def _pretended_failure(it: Draw) -> None:
    """LiteLLM's own way to try a fallback out."""
    it.settings["num_retries"] = 0
    it.settings["fallbacks"] = [{group: it.some([*it.groups, "d0", "d1"], least=1)} for group in it.groups]
    it.request["mock_testing_fallbacks"] = True


def _one_deployment(it: Draw) -> None:
    it.names += [f"d{number}" for number in range(len(it.case.deployments) + 1)] * 4


def _specific(it: Draw) -> None:
    it.request["specific_deployment"] = True
    it.names += [d["litellm_params"]["model"] for d in it.case.deployments] * 4


def _nobody(it: Draw) -> None:
    it.names += ["no-such-model", "openai/no-such-model"] * 6


def _checks(it: Draw) -> None:
    """Windows too small for the long question, regions, formats, pictures."""
    it.settings["enable_pre_call_checks"] = it.happens(0.7)
    _windows_of_context(it)
    if it.happens(0.5):
        for deployment in it.each(0.7):
            deployment["litellm_params"]["region_name"] = it.one(("eu", "us"))
        if it.happens(0.7):
            it.request["allowed_model_region"] = it.one(("eu", "us"))
    if it.case.endpoint in CHAT and it.happens(0.3):
        it.request["response_format"] = {"type": "json_object"}


def _windows_of_context(it: Draw) -> None:
    for deployment in it.each(0.5):
        _info(deployment)["max_input_tokens"] = it.one((50, 100_000))


def _picture(it: Draw) -> None:
    if it.case.endpoint in CHAT:
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        it.request["messages"] = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}]
        for deployment in it.each(0.5):
            _info(deployment)["supports_vision"] = it.happens(0.5)


def _tools(it: Draw) -> None:
    if it.case.endpoint in CHAT:
        function = {"name": "look", "parameters": {"type": "object", "properties": {}}}
        it.request["tools"] = [{"type": "function", "function": function}]
        for deployment in it.each(0.3):
            _info(deployment)["supports_function_calling"] = it.happens(0.5)


def _parameters(it: Draw) -> None:
    """Parameters of the call, the deployments and the router that are no business of the choice."""
    if it.case.endpoint in CHAT:
        it.request.update({name: value for name, value in _PARAMETERS.items() if it.happens(0.4)})
    for deployment in it.each(0.3):
        deployment["litellm_params"].update(it.one(({"timeout": 20}, {"max_retries": 3}, {"temperature": 0})))
    if it.happens(0.5):
        defaults = ({"timeout": 30}, {"temperature": 0.5}, {"max_retries": 2}, {"metadata": {"app": "test"}})
        it.settings["default_litellm_params"] = dict(it.one(defaults))


_PARAMETERS = {
    "timeout": 30,
    "num_retries": 0,
    "max_retries": 1,
    "temperature": 0.2,
    "user": "somebody",
    "max_tokens": 50,
    "metadata": {"session_id": "another-at-every-call"},
}


def _switches(it: Draw) -> None:
    switches = {
        "enable_weighted_failover": True,
        "enable_health_check_routing": True,
        "disable_cooldowns": True,
        "allowed_fails": 1,
        "cooldown_time": 30,
        "retry_after": 1,
        "timeout": 60,
        "stream_timeout": 60,
        "optional_pre_call_checks": ["prompt_caching", "responses_api_deployment_check"],
        "enable_mid_stream_fallback_continuation": True,
        "default_priority": 1,
        "retry_policy": {"TimeoutErrorRetries": 1},
    }
    it.settings.update({name: switches[name] for name in it.some(list(switches), least=1)[:4]})


def _queued(it: Draw) -> None:
    if it.case.endpoint in ("acompletion", "astream", "atext_completion"):
        it.request["priority"] = it.one((0, 1, 5))


def _weights_of_request(it: Draw) -> None:
    """What the proxy passes on for a key that has weights of its own."""
    it.request["_router_weights"] = {
        group: {f"d{number}": it.one((0.0, 1.0, 2.0)) for number in range(len(it.case.deployments))}
        for group in it.some(it.groups, least=1)
    }


def _plugin(it: Draw) -> None:
    """LiteLLM refuses plugins to a synchronous call, and to a strategy that only chooses synchronously."""
    it.settings["plugins"] = [Narrowing(it.some(_MODELS, least=2))]
    strategies = [it.settings, it.request, *it.settings.get("routing_groups", ())]
    for strategy in strategies:
        if strategy.get("routing_strategy") == "usage-based-routing":
            strategy["routing_strategy"] = "usage-based-routing-v2"


def _info(deployment: Deployment) -> dict[str, Any]:
    return deployment.setdefault("model_info", {})


_FEATURES: tuple[tuple[float, Callable[[Draw], None]], ...] = (
    (0.15, _wildcards),
    (0.20, _aliases),
    (0.15, _tags),
    (0.08, _stranger_tags),
    (0.15, _teams),
    (0.03, _windows),
    (0.08, _access_groups),
    (0.25, _order),
    (0.15, _weights),
    (0.06, _zero_weights),
    (0.10, _limits),
    (0.10, _strategy),
    (0.06, _strategy_of_request),
    (0.12, _routing_groups),
    (0.08, _priority_group),
    (0.03, _low_limits),
    (0.05, _parallel),
    (0.12, _blocked),
    (0.25, _fallbacks),
    (0.03, _pretended_failure),
    (0.10, _one_deployment),
    (0.04, _specific),
    (0.04, _nobody),
    (0.15, _checks),
    (0.06, _windows_of_context),
    (0.06, _picture),
    (0.06, _tools),
    (0.20, _parameters),
    (0.20, _switches),
    (0.06, _queued),
    (0.03, _weights_of_request),
    (0.06, _plugin),
    (0.10, _no_ids),
)
