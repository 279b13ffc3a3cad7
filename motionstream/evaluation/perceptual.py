"""Perceptual distance: how different two videos look, by a fixed bank of oriented filters.

It stands in for LPIPS (Zhang et al. 2018), whose trained network is not part of this project. Its figures are no LPIPS:
they can be compared with one another and with nothing else. From LPIPS it takes the form: the responses of a filter
bank at several scales, made unit vectors at every position, and their squared differences averaged. The filters are
first and second derivatives of a Gaussian in several directions on opponent colours instead of trained ones, and a
noise floor keeps flat places from counting as texture. What no derivative sees, the colour of large areas, is compared
apart.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from motionstream.errors import InputError
from motionstream.evaluation.metrics import check_pair
from motionstream.models.derivative_filters import derivative_filters

_SCALES = 4
_DIRECTIONS = 4
_REACH, _SIGMA = 3, 1.0  # pixels of each scale
_NOISE_FLOOR = 0.04  # length of the response vector, of a range of 0..1, at which half of its square counts
_SMALLEST_SIDE = 8
_COLOUR_WEIGHT = 4.0
_OPPONENT = ((0.299, 0.587, 0.114), (0.5, -0.5, 0.0), (0.25, 0.25, -0.5))
"""Light, red against green, yellow against blue, from RGB."""


def perceptual_distance(frames: UInt8[np.ndarray, "*t h w 3"], reference: UInt8[np.ndarray, "*t h w 3"]) -> float:
    """Mean distance of two videos' frames: 0 if they are equal, about 1 if they show different textures.

    Raises:
        InputError: The shapes differ, or a frame is smaller than 8x8.
    """
    check_pair(frames, reference)
    height, width = frames.shape[-3:-1]
    if min(height, width) < _SMALLEST_SIDE:
        raise InputError(
            f"Perceptual distance: wanted frames of at least {_SMALLEST_SIDE}x{_SMALLEST_SIDE}, got {width}x{height}."
        )
    pairs = zip(frames.reshape(-1, height, width, 3), reference.reshape(-1, height, width, 3), strict=True)
    return float(np.mean([_frame_distance(a, b) for a, b in pairs]))


@torch.inference_mode()
def _frame_distance(a: UInt8[np.ndarray, "h w 3"], b: UInt8[np.ndarray, "h w 3"]) -> float:
    planes = torch.stack([_opponent(a), _opponent(b)])
    distances = []
    for scale in range(_SCALES):
        if min(planes.shape[-2:]) < _SMALLEST_SIDE:
            break
        if scale:
            planes = avg_pool2d(planes, 2)
        first, second = _unit(_responses(planes))
        distances.append((first - second).square().sum(0).mean() / 2)
    first, second = planes
    colour = _COLOUR_WEIGHT * (first - second).square().sum(0).mean()
    return float(torch.stack([*distances, colour]).sum() / len(distances))


def _opponent(frame: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "3 h w"]:
    return torch.einsum("oc,hwc->ohw", torch.tensor(_OPPONENT), torch.from_numpy(np.array(frame)) / 255)


def _responses(planes: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k h w"]:
    """What all filters say of every colour, at every position."""
    b, _, h, w = planes.shape
    framed = pad(planes.reshape(-1, 1, h, w), (_REACH,) * 4, mode="reflect")
    return conv2d(framed, _filters()).view(b, -1, h, w)


def _unit(responses: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
    length = responses.square().sum(1, keepdim=True)
    return responses * (length + _NOISE_FLOOR**2).rsqrt()


@cache
def _filters() -> Float[Tensor, "k 1 y x"]:
    return derivative_filters(_DIRECTIONS, _REACH, _SIGMA)
