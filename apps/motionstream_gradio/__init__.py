"""The studio: a Gradio app on the live server, in which people drag and see.

The pieces, from the outside in: `app` (tabs, mounting), `drag`, `generic` and `gallery` (one tab each), `live_view`
(the tag that the page's modules in `web/` fill), `motion_settings` and `stream_settings` (controls), `examples`,
`web_files`, `theme`.
"""

from motionstream_gradio.app import build_blocks, mount

__all__ = ["build_blocks", "mount"]
