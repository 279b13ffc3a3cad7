"""A provider's settings as flags: `--provider webcam --source head.mp4` means `--set source=head.mp4`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from motionstream.errors import ProviderError

_DEFAULT_PROVIDER = "drag"


def with_setting_flags(arguments: Sequence[str], own: Collection[str]) -> list[str]:
    """Flags that the command does not have but its provider has become `--set key=value`.

    A flag of a truth value stands alone or as `--no-...`. What neither has is left for the command to refuse.

    Args:
        arguments: Of the command, without its name.
        own: Names of the command's own flags, with underscores.
    """
    own = {*own, "help", *(f"no_{name}" for name in own)}
    if all(_key(argument) in own for argument in arguments if argument.startswith("--")):
        return list(arguments)
    truths = _settings(_provider_of(arguments))
    changed, waiting = list[str](), list(arguments)
    while waiting:
        argument = waiting.pop(0)
        key, _, value = argument.partition("=")
        name = _key(key)
        denied = name.removeprefix("no_") if truths.get(name.removeprefix("no_")) else ""
        if not argument.startswith("--") or name in own or not (name in truths or denied):
            changed.append(argument)
        elif name not in truths:
            changed += ["--set", f"{denied}=false"]
        elif "=" in argument:
            changed += ["--set", f"{name}={value}"]
        elif waiting and not waiting[0].startswith("--"):
            changed += ["--set", f"{name}={waiting.pop(0)}"]
        else:
            changed += ["--set", f"{name}={'true' if truths[name] else ''}"]
    return changed


def _key(argument: str) -> str:
    return argument.removeprefix("--").partition("=")[0].replace("-", "_")


def _provider_of(arguments: Sequence[str]) -> str:
    """The last one that is named, as the command takes it too."""
    provider = _DEFAULT_PROVIDER
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument.startswith("--provider="):
            provider = argument.partition("=")[2]
        elif argument == "--provider":
            provider = following
    return provider


def _settings(provider: str) -> dict[str, bool]:
    """Names of a provider's settings, and whether they are truth values; none of one that cannot be used."""
    from motionstream.providers import provider_class

    try:
        properties = provider_class(provider).settings_type.model_json_schema().get("properties", {})
    except ProviderError:
        return {}
    return {name: schema.get("type") == "boolean" for name, schema in properties.items()}
