"""A provider's settings on the command line: from its pydantic model to help, from `key=value` to values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from motionstream.errors import InputError
from motionstream.providers import TrajectoryProvider

if TYPE_CHECKING:
    from rich.table import Table

_RANGES = {"minimum": "at least", "exclusiveMinimum": "over", "maximum": "at most", "exclusiveMaximum": "under"}


def parse_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Values by key; pydantic turns the text into numbers and truth values, lists and objects are written as JSON."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (equals and key.strip()):
            raise InputError(f"--set: wanted key=value, such as radius=0.1, got {pair!r}.")
        settings[key.strip()] = _value(key, value.strip())
    return settings


def settings_table(provider: type[TrajectoryProvider]) -> Table:
    """The settings of a provider with range, default and help."""
    from rich.table import Table

    table = Table("setting", "values", "default", "help", box=None, padding=(0, 2, 0, 0))
    for name, schema in provider.settings_type.model_json_schema().get("properties", {}).items():
        default = json.dumps(schema["default"]) if "default" in schema else "required"
        table.add_row(name, _values(schema), default, schema.get("description", ""))
    return table


def _value(key: str, text: str) -> Any:
    if text[:1] not in ("[", "{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"--set {key}: wanted JSON after [ or {{, got {text!r}: {error}.") from error


def _values(schema: Mapping[str, Any]) -> str:
    """Type, choices, range and unit of a JSON schema in words."""
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kinds = [part.get("format") or part.get("type", "object") for part in schema.get("anyOf", [schema])]
    ranges = [f"{words} {schema[key]:g}" for key, words in _RANGES.items() if key in schema]
    return " ".join([" or ".join(kind for kind in kinds if kind != "null"), *ranges, schema.get("unit", "")]).strip()
