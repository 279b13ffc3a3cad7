"""The Webcam tab: the picture moves as what a camera sees."""

from __future__ import annotations

import gradio as gr

from motionstream.serving.messages import ProviderInfo
from motionstream_gradio.live_view import live_view
from motionstream_gradio.settings_row import settings_row

LEAD = "Turn your camera on, choose a picture, press Start and move."

_IN_THE_PANEL = ("mirror", "camera_box", "target_box", "gain")
"""Settings that have a control beside the camera's picture."""

_FOR_FILES = ("pace",)
"""Settings that mean nothing for pictures that a page sends."""


def webcam_tab(provider: ProviderInfo, login: bool) -> gr.HTML:
    """Fill the tab."""
    view = live_view(provider.name, lead=LEAD, tools=False, login=login, panel="webcam")
    settings_row(provider, skip=(*_IN_THE_PANEL, *_FOR_FILES))
    return view
