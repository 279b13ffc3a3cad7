"""A procedural world: short clips of layered scenes with exact tracks, visibility, depth and a caption.

`make_clip(seed)` plans a scene (camera, layers, paths), paints only the texture the camera will see, renders the frames
and reads the tracks off the same transforms the renderer used, so tracks are exact by construction.

From the ground up: colour, noise, leaves, pattern, texture (paint); shape, character, sprite, backdrop, thing, cutout
(what there is); path, motion, camera (how it moves); deform, plane, layer (one transform, both ways); newcomer (what
frame 0 does not show); scene, render, arrival, tracking, caption, clip.
"""

from motionstream.training.world.clip import Clip, caption_and_newcomer, caption_of, make_clip

__all__ = ["Clip", "caption_and_newcomer", "caption_of", "make_clip"]
