/** The door: Gradio loads this module and calls it with the element that holds a tag of ours. */

import "./live_view.js";
import "./recordings.js";

/** Begin the live view in `holder`; `config` is that of `live_view.py`. */
export function begin(holder, config) {
  const view = holder.querySelector("motionstream-live, motionstream-recordings");
  const root = new URL(window.gradio_config?.root ?? ".", location.href).pathname.replace(/\/$/, "");
  view.begin({ ...config, root });
  return view;
}
