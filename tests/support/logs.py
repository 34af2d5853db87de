"""What our loggers say is searched for keys: what the tests use for one, and whatever has the shape of one."""

from __future__ import annotations

import logging
import re

OURS = ("failover_plugin", "failover_litellm", "failover_langchain")

_KEY = re.compile(
    r"""(?x)
      secret- | -secret | hunter2 | test-key | Zq\d+[\da-f]Zq  # what tests call a key
    | \b (?: sk | pk | rk | gsk | hf | r8 | fw | tgp | nvapi | pplx | csk | gh[oprsu] | github_pat ) [-_] [\w*]{2}
    | \b xai- [\w*]{6}  # shorter, it is a request's id
    | \b (?: AIza | AQ\. | ya29\. | eyJ ) [\w-]{4} | \b A[KS]IA [A-Z\d]{4}
    | (?i: \b (?: bearer | basic ) \s+ (?! \[redacted\] ) \S{4} )
    """
)


class KeysLogged(logging.Handler):
    """Notes the lines of our loggers, at any level, that show a key: in their words, arguments or traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def listen(self) -> None:
        """To all our loggers, from now on."""
        for name in OURS:
            logging.getLogger(name).addHandler(self)
            logging.getLogger(name).setLevel(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{self.format(record)}\n{record.args!r}"
        self.lines += [f"{record.name}: {line}" for line in text.splitlines() if _KEY.search(line)]
