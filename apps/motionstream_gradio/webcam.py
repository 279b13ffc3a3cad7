"""The Webcam tab: the picture moves as what a camera sees."""

from __future__ import annotations

import gradio as gr

from motionstream.serving.messages import ProviderInfo
from motionstream_gradio.live_view import live_view
from motionstream_gradio.motion_settings import motion_settings
from motionstream_gradio.stream_settings import model_settings, stream_settings

LEAD = "Turn your camera on, choose a picture, press Start and move."

_IN_THE_PANEL = ("mirror", "camera_box", "target_box", "gain")
"""Settings that have a control beside the camera's picture."""

_FOR_FILES = ("pace",)
"""Settings that mean nothing for pictures that a page sends."""


def webcam_tab(provider: ProviderInfo, login: bool) -> gr.HTML:
    """Fill the tab."""
    view = live_view(provider.name, lead=LEAD, tools=False, login=login, panel="webcam")
    with gr.Row(equal_height=False, elem_classes="settings"):
        with gr.Column(min_width=280), gr.Accordion("Motion", open=False):
            motion_settings(provider, skip=(*_IN_THE_PANEL, *_FOR_FILES))
        with gr.Column(min_width=280), gr.Accordion("Model", open=False):
            model_settings(provider.name)
        with gr.Column(min_width=280), gr.Accordion("Stream", open=False):
            stream_settings(provider.name, pointers=False)
    return view
