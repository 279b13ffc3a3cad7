"""Controls for what every source of motion shares: how the model works, and how frames come to the page."""

from __future__ import annotations

import gradio as gr

from motionstream_gradio.live_view import adjusting


def model_settings(provider: str) -> None:
    """Denoising steps and memory; left empty they are the checkpoint's. They count from the next start."""
    steps = gr.Textbox(
        label="Denoising steps",
        placeholder="the checkpoint's",
        info="Falling noise levels from 1000 on, such as 1000, 750. Fewer is faster, more is finer.",
    )
    _when_left(steps, adjusting(provider, "{ timesteps: value ?? '' }"))
    for name, label, info in (
        ("sink_frames", "Sink frames", "Latent frames from the beginning that are never forgotten."),
        ("window_frames", "Window frames", "Newest latent frames that are remembered."),
    ):
        number = gr.Textbox(label=label, info=info, placeholder="the checkpoint's")
        _when_left(number, adjusting(provider, f"{{ {name}: value ?? '' }}"))
    fit = gr.Radio(
        [("crop it", "crop"), ("add bars", "pad")], value="crop", label="A picture of another shape", container=True
    )
    fit.input(None, [fit], None, js=adjusting(provider, "{ fit: value }"))


def stream_settings(provider: str, *, pointers: bool) -> None:
    """What is sent, how often, and what is kept.

    Args:
        provider: Whose tab.
        pointers: People drag on the stage.
    """
    if pointers:
        rate = gr.Slider(
            10, 120, value=60, step=5, label="Mouse scan rate (Hz)", info="How often a drag is sent; no point is lost."
        )
        rate.input(None, [rate], None, js=adjusting(provider, "{ scanHz: value }"))
    save = gr.Checkbox(False, label="Save on stop", info="Record every stream from its first frame.")
    save.input(None, [save], None, js=adjusting(provider, "{ saveOnStop: value }"))
    picture = gr.Radio(
        [("starts over", "restart"), ("cuts to it", "cut")], value="restart", label="A new picture while it streams"
    )
    picture.input(None, [picture], None, js=adjusting(provider, "{ onPicture: value }"))
    behind = gr.Radio(
        [("waits", "backpressure"), ("leaves out frames", "drop")],
        value="backpressure",
        label="When the network is slow",
    )
    behind.input(None, [behind], None, js=adjusting(provider, "{ presentation: value }"))
    codec = gr.Radio(["auto", "jpeg", "h264", "vp8"], value="auto", label="Codec")
    codec.input(None, [codec], None, js=adjusting(provider, "{ codec: value }"))
    quality = gr.Slider(20, 100, value=85, step=1, label="Picture quality")
    quality.release(None, [quality], None, js=adjusting(provider, "{ quality: value }"))


def _when_left(box: gr.Textbox, handler: str) -> None:
    for happening in (box.blur, box.submit):
        happening(None, [box], None, js=handler)
