"""What two clients need beside a key before they send anything, and would go to the network for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from support.providers import KEY


@contextmanager
def handed_a_token(family: str) -> Iterator[None]:
    """LiteLLM has Google's own library fetch a token for Vertex AI: here it is told of one that needs no fetching."""
    if family != "vertex":
        yield
        return
    from google.oauth2.credentials import Credentials

    class Token(Credentials):
        def refresh(self, request: object) -> None:
            """It is as good as ever."""

    with mock.patch("google.auth.default", return_value=(Token(token=KEY), "test-project")):
        yield


@contextmanager
def let_out(family: str) -> Iterator[None]:
    """Tests keep huggingface_hub offline, so that nobody fetches a tokenizer; its inference client is meant to ask."""
    if family != "huggingface":
        yield
        return
    with mock.patch("huggingface_hub.constants.HF_HUB_OFFLINE", new=False):
        yield
