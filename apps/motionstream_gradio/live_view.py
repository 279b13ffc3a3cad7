"""The live view: a tag that the page's own modules fill: pointers and frames are too fast for Gradio's events."""

from __future__ import annotations

import json
import re
from typing import Any

import gradio as gr

from motionstream_gradio.examples import load_examples

# Handlebars reads templates but not this; the path is that of the page, since a proxy may hide host and port.
_ON_LOAD = """
(async () => {
  const root = new URL(window.gradio_config?.root ?? ".", location.href).pathname.replace(/\\/$/, "");
  const { begin } = await import(`${root}/studio/start.js`);
  const view = begin(element, CONFIG);
  const admit = () => view.admit(props.value);
  watch("value", admit);
  admit();
})();
"""


def live_view(provider: str, *, lead: str, tools: bool, login: bool, panel: str | None = None) -> gr.HTML:
    """A stage on which the video plays.

    Args:
        provider: Source of motion.
        lead: One sentence that says what to do.
        tools: Pointers move things; without them the stage only shows.
        login: The page waits for its ticket, which becomes the component's value.
        panel: What the provider's own tab has besides, under the video: the module "<panel>_panel.js".
    """
    config = {
        "provider": provider,
        "lead": lead,
        "tools": tools,
        "panel": panel,
        "login": login,
        "examples": load_examples(),
    }
    return _holder("motionstream-live", view_id(provider), config)


def recordings_view(*, login: bool) -> gr.HTML:
    """The list of recordings."""
    return _holder("motionstream-recordings", view_id("recordings"), {"login": login})


def view_id(name: str) -> str:
    """Id of the element that holds a view; a name such as "camera+drag" would mean something else in a selector."""
    return "live-" + re.sub(r"[^\w-]", "-", name)


def adjusting(provider: str, values: str) -> str:
    """Handler in the page that gives a control's new `value` to the live view; `values` is a JavaScript object."""
    holder = json.dumps(f"#{view_id(provider)} motionstream-live")
    return f"(value) => {{ document.querySelector({holder})?.adjust({values}); return []; }}"


def _holder(tag: str, element_id: str, config: dict[str, Any]) -> gr.HTML:
    return gr.HTML(
        value="",
        html_template=f"<{tag}></{tag}>",
        js_on_load=_ON_LOAD.replace("CONFIG", json.dumps(config)),
        apply_default_css=False,
        elem_id=element_id,
    )
