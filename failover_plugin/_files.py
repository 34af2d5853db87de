"""Reading a YAML or JSON file of settings; PyYAML is imported when one is read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, cast

from failover_plugin.classify.redact import redact
from failover_plugin.errors import ConfigError


def read_mapping(path: str | Path) -> dict[str, Any]:
    """The mapping in a file. Raises ``ConfigError`` if it cannot be read or holds something else."""
    import yaml

    try:
        data: object = yaml.load(Path(path).read_text("utf-8"), _strict_loader())  # noqa: S506 - it is a safe one
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): give the path of a YAML or JSON file.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not text in UTF-8: give a YAML or JSON file.") from None
    except _DoubledKeyError as doubled:
        raise ConfigError(f"{path}: {doubled}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        raise ConfigError(f"{path}: is not YAML or JSON{_place(error)}: mend the syntax there.") from None
    return mapping(str(path), data)


_FLOAT = "tag:yaml.org,2002:float"


@cache
def _strict_loader() -> Any:
    """YAML's safe loader, but a name that is given twice in one mapping is an error, and not the last one's; and 1e3 is
    a number, as in JSON and YAML 1.2.
    """
    import yaml

    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - its own
            seen: set[object] = set()
            for key, _ in node.value:
                name = key.value if key.tag != "tag:yaml.org,2002:merge" else None
                if name is not None and name in seen:
                    raise _DoubledKeyError(name, key.start_mark.line + 1)
                seen.add(name)
            return super().construct_mapping(node, deep=deep)

    Strict.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType]
        _FLOAT, re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
    )
    return Strict


class _DoubledKeyError(Exception):
    """A name that stands twice in one mapping: which of the two is meant, nobody can say."""

    def __init__(self, name: object, line: int) -> None:
        super().__init__(f"{redact(repr(name))} is given twice (line {line}): keep one of them.")


def mapping(where: str, value: object) -> dict[str, Any]:
    """The value, if it is a mapping with names as keys. Raises ``ConfigError``."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where} = {redact(repr(value))[:80]}: give fields by name, as `field: value`.")
    return {str(key): entry for key, entry in cast("dict[object, Any]", value).items()}


def _place(error: Exception) -> str:
    """The place only: what stands there may be a secret."""
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
