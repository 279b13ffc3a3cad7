"""Offers: the sources of motion that clients may choose, and what of their settings clients may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from motionstream.errors import InputError
from motionstream.providers import TrajectoryProvider, discover, load_provider, provider_class
from motionstream.serving.messages import ProviderInfo

_PATH_FORMATS = ("path", "file-path", "directory-path")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An announced provider that works.

    Attributes:
        info: What clients are told.
        private: Settings that may name files of the server, which no client may set.
    """

    info: ProviderInfo
    private: frozenset[str]

    @classmethod
    def of(cls, name: str, schema: Mapping[str, Any]) -> Self:
        """Take out of a settings' JSON schema what is not for clients."""
        properties = schema.get("properties", {})
        private = frozenset(key for key, value in properties.items() if _holds_path(value, schema.get("$defs", {})))
        public = {key: value for key, value in properties.items() if key not in private}
        return cls(info=ProviderInfo(name=name, settings_schema={**schema, "properties": public}), private=private)


class Offers:
    """All announced providers that work, as they were when the server started."""

    def __init__(self) -> None:
        working = {entry.name: provider_class(entry.name) for entry in discover() if entry.state == "ok"}
        self._offers = {name: Offer.of(name, kind.settings_type.model_json_schema()) for name, kind in working.items()}

    @property
    def infos(self) -> tuple[ProviderInfo, ...]:
        """What clients are told."""
        return tuple(offer.info for offer in self._offers.values())

    def load(self, name: str, settings: Mapping[str, Any]) -> TrajectoryProvider:
        """Make a provider for a client.

        Raises:
            InputError: There is no such provider, or a setting is not for clients.
            ProviderError: A setting is unknown or out of range.
        """
        if name not in self._offers:
            raise InputError(f"Provider: wanted one of {', '.join(self._offers) or 'none'}, got {name!r}.")
        private = sorted(self._offers[name].private & settings.keys())
        if private:
            raise InputError(f"Provider {name!r}: {', '.join(private)} may name a file of the server. Leave it out.")
        return load_provider(name, settings)


def _holds_path(schema: Any, definitions: Mapping[str, Any], depth: int = 0) -> bool:
    """Whether a value of this schema may hold a path; one that is free-form or nested strangely deep is taken to."""
    if depth > 20:
        return True
    if isinstance(schema, list):
        return any(_holds_path(part, definitions, depth + 1) for part in schema)
    if not isinstance(schema, Mapping):
        return False
    target = definitions.get(str(schema.get("$ref", "")).removeprefix("#/$defs/"))
    return (
        schema.get("format") in _PATH_FORMATS
        or schema.get("additionalProperties") is True
        or _holds_path(target, definitions, depth + 1)
        or any(_holds_path(part, definitions, depth + 1) for part in schema.values())
    )
