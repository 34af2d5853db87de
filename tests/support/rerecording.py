"""``failover record`` against the emulator: the providers' own names lead to it, and it answers by a script.

    python -m support.rerecording PROVIDER ... --into FOLDER

Every provider answers the requests of ``PROVOCATIONS`` in turn. It also says what it should keep to itself: the key it
was asked with, in the body and in a header, a cookie and the customer's organisation; and it compresses one answer.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from failover_plugin.cli import main
from failover_plugin.emulator import Emulator, Site, faults
from support.network import diverted, trust
from support.providers import PROVIDERS

TELLTALE = {"set-cookie": "session=abc", "openai-organization": "org-a1b2c3d4e5", "x-request-id": "req_1"}
COMPRESSED = {"content-encoding": "gzip", "content-type": "application/json", "x-ratelimit-limit-requests": "500"}


def prepare(site: Site) -> None:
    key = os.environ.get("OPENAI_API_KEY", "")
    wrong = {
        "error": {
            "message": f"Incorrect API key {key} of org-a1b2c3d4e5, as me@example.com.",
            "code": "invalid_api_key",
        }
    }
    too_long = {"error": {"message": "This is longer than the context window.", "code": "context_length_exceeded"}}
    site.script(
        None,
        None,
        faults.status(401, wrong, headers={**TELLTALE, "x-ratelimit-echo": key}),
        faults.model_not_found(),
        faults.status(400, gzip.compress(json.dumps(too_long).encode(), mtime=0), headers=COMPRESSED),
        faults.invalid_request(),
    )


def run(arguments: list[str]) -> int:
    hosts = ("api.openai.com", "api.anthropic.com", "api.groq.com", "huggingface.co")
    with TemporaryDirectory() as trusted, Emulator(hosts=hosts) as emulator:
        trust(emulator.certificate, Path(trusted) / "authority.pem")
        for name in ("openai", "anthropic"):
            prepare(emulator.site(PROVIDERS[name].host))
        limited = faults.rate_limit()
        emulator.site(PROVIDERS["groq"].host).script(limited, limited, None, None, limited)
        with diverted(emulator.https_port, hosts):
            return main(["record", *arguments])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
