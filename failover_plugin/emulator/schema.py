"""A small instance of a JSON schema: what an emulated model puts into a tool call or a structured answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

Schema = Mapping[str, Any]

_DEEPEST = 4  # schemas may refer to themselves
_FORMATS = {"date": "2026-01-01", "date-time": "2026-01-01T00:00:00Z", "time": "00:00:00", "email": "a@example.com"}


def example(schema: Schema) -> Any:
    """An instance of ``schema``: defaults and first choices where it names some, and always the same."""
    return _instance(schema, schema, name="text", depth=0)


def _instance(schema: Schema, root: Schema, *, name: str, depth: int) -> Any:
    schema = _resolved(schema, root, depth)
    if (fixed := _named_value(schema)) is not _NOTHING:
        return fixed
    match _type(schema):
        case "object":
            return _object(schema, root, depth)
        case "array":
            return _array(schema, root, name, depth)
        case "integer" | "number":
            return schema.get("minimum", schema.get("maximum", 1))
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _string(schema, name)


_NOTHING = object()


def _named_value(schema: Schema) -> Any:
    if choices := schema.get("enum") or schema.get("examples"):
        return choices[0]
    return schema.get("const", schema.get("default", _NOTHING))


def _type(schema: Schema) -> object:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return kind if isinstance(kind, str) else next(iter(kind))


def _object(schema: Schema, root: Schema, depth: int) -> dict[str, Any]:
    properties = cast("dict[str, Schema]", schema.get("properties", {}))
    required: list[str] = schema.get("required", []) if depth == _DEEPEST else []
    wanted = properties if depth < _DEEPEST else required
    return {key: _instance(properties[key], root, name=key, depth=depth + 1) for key in wanted if key in properties}


def _array(schema: Schema, root: Schema, name: str, depth: int) -> list[Any]:
    if depth >= _DEEPEST:
        return []
    item = _instance(schema.get("items", {}), root, name=name, depth=depth + 1)
    return [item] * max(1, schema.get("minItems", 1))


def _string(schema: Schema, name: str) -> str:
    text = _FORMATS.get(schema.get("format", ""), name)
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


def _resolved(schema: Schema, root: Schema, depth: int) -> Schema:
    """The schema itself behind references and alternatives: the first that is not null, or null where it is deep."""
    while True:
        if "$ref" in schema:
            schema = _referred(str(schema["$ref"]), root)
        elif alternatives := _alternatives(schema):
            deep = depth >= _DEEPEST
            schema = next(
                (choice for choice in alternatives if (choice.get("type") == "null") is deep), alternatives[0]
            )
        else:
            return schema


def _referred(reference: str, root: Schema) -> Schema:
    found: Any = root
    for key in filter(None, reference.removeprefix("#").split("/")):
        found = found[key]
    return cast("Schema", found)


def _alternatives(schema: Schema) -> list[Schema]:
    return schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or []
