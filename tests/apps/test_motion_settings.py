"""Controls are made from any provider's settings."""

import asyncio
import json
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Literal, TypeVar

import gradio as gr
import pytest
from motionstream_gradio import build_blocks
from motionstream_gradio.examples import FOLDER, load_examples
from motionstream_gradio.motion_settings import motion_settings
from pydantic import BaseModel, Field

from motionstream.errors import InputError
from motionstream.serving.messages import ProviderInfo
from motionstream.serving.offer import Offers

T = TypeVar("T")


def built(make: Callable[[], T]) -> T:
    """Make it in a running event loop: Gradio opens one where it finds none, and never closes it."""

    async def in_a_loop() -> T:
        return make()

    return asyncio.run(in_a_loop())


class Mode(Enum):
    NEAR = "near"
    FAR_AWAY = "far_away"


class OutsideSettings(BaseModel):
    """Settings of a provider that nobody here has seen."""

    speed: float = Field(default=0.1, ge=-2, le=2, description="How fast.", json_schema_extra={"unit": "widths/s"})
    open_ended: float = Field(default=3, gt=0, description="No upper end.")
    count: int = Field(default=24, ge=1, le=500)
    fade_seconds: float | None = Field(default=None, gt=0, lt=1)
    looped: bool = True
    mode: Mode = Mode.NEAR
    name: str = "me"
    flight: Literal["up", "far_round"] | None = None
    way: Literal["left", "right"] | None = "left"
    table: dict[str, int] = {}


OUTSIDE = ProviderInfo(name="outside", settings_schema=OutsideSettings.model_json_schema())


def controls(*, skip=()) -> dict[str, gr.components.Component]:
    def make() -> list[gr.components.Component]:
        with gr.Blocks():
            return motion_settings(OUTSIDE, skip=skip)

    return {control.label: control for control in built(make)}


def test_every_plain_setting_gets_the_control_of_its_type():
    made = controls()
    kinds = {label: type(control).__name__ for label, control in made.items()}
    assert kinds == {
        "Speed (widths/s)": "Slider",
        "Open ended": "Number",
        "Count": "Slider",
        "Fade (s)": "Slider",
        "Looped": "Checkbox",
        "Mode": "Radio",
        "Name": "Textbox",
        "Flight": "Radio",
        "Way": "Radio",
    }
    assert made["Speed (widths/s)"].info == "How fast."
    assert made["Mode"].choices == [("near", "near"), ("far away", "far_away")]


def test_sliders_reach_their_ends_and_never_an_excluded_one():
    made = controls()
    speed, count, fade = made["Speed (widths/s)"], made["Count"], made["Fade (s)"]
    assert (speed.minimum, speed.maximum, speed.value) == (-2, 2, 0.1)
    assert (count.minimum, count.maximum, count.step) == (1, 500, 1)
    assert 0 < fade.minimum < fade.maximum < 1


def test_a_choice_that_may_be_left_out_says_none_and_tells_null():
    made = controls()
    flight, way = made["Flight"], made["Way"]
    assert [label for label, _ in flight.choices] == ["none", "up", "far round"]
    none = flight.choices[0][1]
    assert (flight.value, way.value) == (none, "left")
    assert none == way.choices[0][1]
    blocks = built(lambda: build_blocks([OUTSIDE], tab="outside"))
    handlers = [str(function.js) for function in blocks.fns.values() if '["flight"]' in str(function.js)]
    assert len(handlers) == 1
    assert f"value === {json.dumps(none)} ? null : value" in handlers[0]


def test_settings_with_a_control_elsewhere_are_left_out():
    assert "Speed (widths/s)" not in controls(skip=("speed",))


def test_a_changed_setting_goes_to_the_view_in_the_page_without_the_server():
    blocks = built(lambda: build_blocks([OUTSIDE], tab="outside"))
    handlers = [function for function in blocks.fns.values() if function.js]
    for name in ("speed", "open_ended", "count", "fade_seconds", "looped", "mode", "name"):
        (handler,) = [function for function in handlers if f'["{name}"]' in str(function.js)]
        assert handler.fn is None
        assert '"#live-outside motionstream-live"' in str(handler.js)


def test_an_outside_provider_gets_a_tab_of_its_own():
    blocks = built(lambda: build_blocks([*Offers().infos, OUTSIDE]))
    tabs = [block.label for block in blocks.blocks.values() if isinstance(block, gr.Tab)]
    assert tabs[0] == "Drag"
    assert {"Outside", "Recordings"} <= set(tabs)


@pytest.mark.parametrize("tab", ["drag", "outside", "recordings"])
def test_a_tab_launches_alone(tab: str):
    blocks = built(lambda: build_blocks([*Offers().infos, OUTSIDE], tab=tab))
    assert not [block for block in blocks.blocks.values() if isinstance(block, gr.Tab)]
    assert f"live-{tab}" in {block.elem_id for block in blocks.blocks.values()}


def test_an_unknown_tab_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="--tab: wanted one of drag, outside, recordings, got 'dreg'"):
        build_blocks([*(info for info in Offers().infos if info.name == "drag"), OUTSIDE], tab="dreg")


def test_the_examples_are_there_and_their_scripts_are_of_the_drag_provider():
    from motionstream_drag import DragScript

    examples = load_examples()
    assert len({example["name"] for example in examples}) == len(examples) >= 4
    for example in examples:
        assert (FOLDER / example["image"]).stat().st_size < 100_000
        script = DragScript.load(Path(FOLDER / example["script"]))
        assert any(event.type == "path" for event in script.events)
        assert json.dumps(example["prompt"])
