"""The look of the app: Gradio's plain theme in calm colours, with the fonts that a system has."""

from __future__ import annotations

import gradio as gr

TITLE = "MotionStream"

CSS = """
.gradio-container { width: 100%; max-width: 1240px !important; margin-inline: auto !important; padding: 0 !important; }
.gradio-container .main.fillable.app { padding: 12px 24px 40px !important; }
.gradio-container .html-container { padding: 8px 0 !important; }
.gradio-container footer { display: none !important; }
button[role="tab"]:focus-visible { outline: 2px solid var(--color-accent) !important; outline-offset: -2px; }
.settings { margin-top: 12px; }
.settings .form { border: 0 !important; box-shadow: none !important; background: none !important; }
.settings .form .block { padding-inline: 2px !important; background: none !important; }
@media (max-width: 640px) { .gradio-container .main.fillable.app { padding: 8px 12px 32px !important; } }
"""

_SYSTEM = ("ui-sans-serif", "system-ui", "sans-serif")


def studio_theme() -> gr.themes.Base:
    """No font or colour comes from elsewhere."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.indigo,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=_SYSTEM,
        font_mono=("ui-monospace", "monospace"),
    )
