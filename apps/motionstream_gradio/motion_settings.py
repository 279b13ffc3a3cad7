"""Controls for a provider's settings, made from their JSON schema."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import gradio as gr

from motionstream.serving.messages import ProviderInfo
from motionstream_gradio.live_view import adjusting

Control = gr.Slider | gr.Number | gr.Radio | gr.Checkbox | gr.Textbox

_NONE = "\0none"
"""Stands for null in the page, where a radio button cannot hold it; no choice is called so."""

_STEPS = 100
"""About so many places a slider of real numbers has."""


def motion_settings(provider: ProviderInfo, *, skip: Collection[str] = ()) -> list[Control]:
    """One control for each setting that has a plain type; a change reaches the live view in the page at once.

    Args:
        provider: Whose settings.
        skip: Names that have a control elsewhere.
    """
    schema = provider.settings_schema
    controls = []
    for name, field in schema.get("properties", {}).items():
        control = None if name in skip else _control(name, _resolved(field, schema.get("$defs", {})))
        if control is not None:
            value = f"value === {json.dumps(_NONE)} ? null : value" if _may_be_none(field) else "value"
            handler = adjusting(provider.name, f"{{ provider: {{ [{json.dumps(name)}]: {value} }} }}")
            control.input(None, [control], None, js=handler)
            controls.append(control)
    if not controls:
        gr.Markdown("There is nothing to set.")
    return controls


def _control(name: str, field: Mapping[str, Any]) -> Control | None:
    """The control of a field; None where its type is not plain."""
    common: dict[str, Any] = {
        "label": _label(name, field),
        "info": field.get("description"),
        "value": field.get("default"),
    }
    if "enum" in field:
        return _radio(field, common)
    match field.get("type"):
        case "boolean":
            return gr.Checkbox(**common)
        case "integer" | "number":
            return _number(field, common)
        case "string":
            return gr.Textbox(**common)
    return None


def _radio(field: Mapping[str, Any], common: dict[str, Any]) -> gr.Radio:
    choices = [(str(choice).replace("_", " "), choice) for choice in field["enum"] if choice is not None]
    if not _may_be_none(field):
        return gr.Radio(choices, **common)
    value = _NONE if common["value"] is None else common["value"]
    return gr.Radio([("none", _NONE), *choices], **{**common, "value": value})


def _may_be_none(field: Mapping[str, Any]) -> bool:
    """Null is one of the choices."""
    return None in field.get("enum", ()) or any(part.get("type") == "null" for part in field.get("anyOf", ()))


def _number(field: Mapping[str, Any], common: dict[str, Any]) -> Control:
    whole = field["type"] == "integer"
    low, high = field.get("minimum", field.get("exclusiveMinimum")), field.get("maximum", field.get("exclusiveMaximum"))
    if low is None or high is None:
        return gr.Number(minimum=low, maximum=high, precision=0 if whole else None, **common)
    step = 1 if whole else _round_step((high - low) / _STEPS)
    low = low + step if "exclusiveMinimum" in field and "minimum" not in field else low
    high = high - step if "exclusiveMaximum" in field and "maximum" not in field else high
    return gr.Slider(low, high, step=step, **common)


def _round_step(width: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is not wider."""
    power = 10.0
    while power > width:
        power /= 10
    return round(power * next(part for part in (5, 2, 1) if part * power <= width), 10)


def _label(name: str, field: Mapping[str, Any]) -> str:
    unit = field.get("unit") or ("s" if name.endswith("_seconds") else "")
    words = name.removesuffix("_seconds").replace("_", " ").capitalize()
    return f"{words} ({unit})" if unit else words


def _resolved(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """A field without references, and of a choice with null the other one."""
    for part in (*field.get("anyOf", ()), *field.get("allOf", ())):
        if part.get("type") != "null":
            field = {**part, **field}
            break
    reference = str(field.get("$ref", "")).removeprefix("#/$defs/")
    return {**definitions.get(reference, {}), **field}
