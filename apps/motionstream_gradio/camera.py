"""The Camera tab: fly through a photograph; and the tab in which things are dragged on the way."""

from __future__ import annotations

import gradio as gr

from motionstream.serving.messages import ProviderInfo
from motionstream_gradio.live_view import live_view
from motionstream_gradio.settings_row import settings_row

_LEAD = "Choose a picture, press Start, then fly through it: W A S D, arrows, or drag the view."
_LEAD_WITH_DRAG = "Choose a picture, press Start, then fly with W A S D and the arrows, and drag things on the way."

_OF_FILES = ("depth_unit", "depth_inverse", "path_fps", "path_scale", "path_extent", "path_lens")
"""Settings that mean something only beside a file on the server, which a page cannot name."""


def camera_tab(provider: ProviderInfo, login: bool) -> gr.HTML:
    """Fill the tab of a camera provider; where it says drag, pointers move things and keys fly."""
    drags = "drag" in provider.name
    lead = _LEAD_WITH_DRAG if drags else _LEAD
    view = live_view(provider.name, lead=lead, tools=drags, login=login, panel="camera")
    settings_row(provider, skip=_OF_FILES, pointers=drags)
    return view
