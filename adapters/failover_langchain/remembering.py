"""What our runnables have in common: a policy, a memory, and copies that make sense.

The memory is a field because the host makes copies from fields: one with other settings goes on with it. A pickle or a
deep copy is configuration, and remembers nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from failover_langchain.delegation import Delegation
from failover_langchain.entry import Entry
from failover_plugin import ConfigError, Failover, Policy


class Remembering(BaseModel):
    """The base of everything here that keeps state between requests."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    policy: Policy
    """How requests are routed, retried, timed out and given up."""

    state: Delegation = Field(exclude=True, repr=False)
    """The entries and their health."""

    @property
    def failover(self) -> Failover:
        """The core: its ``health()``, ``explain()`` and ``targets``."""
        return self.state.failover

    @abstractmethod
    def _entries(self) -> Sequence[Entry]:
        """The entries, as the other fields describe them."""

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy with a memory of its own. It shares the models: most clients cannot be copied, none needs to be."""
        return self.model_copy(update={"state": self.state.fresh()})

    def __getstate__(self) -> dict[Any, Any]:
        parts = super().__getstate__()
        return {**parts, "__dict__": {**parts["__dict__"], "state": None}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.state = Delegation(self._entries(), self.policy)

    def __repr_args__(self) -> Any:
        yield "targets", [target.id for target in self.failover.targets]
        if self.policy != Policy():
            yield "policy", self.policy


def checked_policy(policy: object) -> Policy:
    """The policy, or the default one. Raises ``ConfigError`` for anything else."""
    if policy is None:
        return Policy()
    if not isinstance(policy, Policy):
        raise ConfigError(
            f"policy: a {type(policy).__name__} is no Policy; write Policy(...), or Policy.from_file(...)"
        )
    return policy


def state_of(entries: Sequence[Entry], policy: Policy, known: Delegation | None) -> Delegation:
    """What is ``known`` if it suits, so that a copy with other settings goes on with it; else a fresh start."""
    return known if known is not None and known.suits(entries, policy) else Delegation(entries, policy)
