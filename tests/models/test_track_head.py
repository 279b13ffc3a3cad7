import json
from pathlib import Path

import pytest
import torch

from motionstream.errors import CheckpointError
from motionstream.models.track_head import FRAMES_PER_LATENT, TrackHead, TrackHeadConfig, pack_frames
from motionstream.models.track_identity import origin_code, random_code
from motionstream.models.wan import WanConfig, WanTransformer

OURS = TrackHeadConfig(id_channels=8, identity="origin", hidden_channel=True, copy="picture", width=12, out_channels=5)
BASE = {
    "num_attention_heads": 2, "attention_head_dim": 16, "in_channels": 4, "out_channels": 4, "text_dim": 6,
    "freq_dim": 16, "ffn_dim": 24, "num_layers": 2,
}  # fmt: skip


def maps(num_frames: int, channels: int = 2) -> torch.Tensor:
    return torch.randn(num_frames, channels, 3, 4, generator=torch.Generator().manual_seed(0))


def test_the_first_video_frame_alone_makes_latent_0_behind_three_empty_ones() -> None:
    frames = maps(9)
    packed = pack_frames(frames).unflatten(0, (FRAMES_PER_LATENT, 2))
    assert not packed[:3, :, 0].any()
    assert torch.equal(packed[3, :, 0], frames[0])


def test_latent_i_packs_the_video_frames_4i_minus_3_to_4i_in_order() -> None:
    frames = maps(9)
    packed = pack_frames(frames).unflatten(0, (FRAMES_PER_LATENT, 2))
    for latent in (1, 2):
        for slot in range(4):
            assert torch.equal(packed[slot, :, latent], frames[4 * latent - 3 + slot])


def test_packing_chunk_by_chunk_gives_the_whole_clip() -> None:
    frames = maps(33)
    parts = [pack_frames(part) for part in frames.split([9, 12, 12])]
    assert torch.equal(torch.cat(parts, dim=1), pack_frames(frames))


def test_an_empty_cell_stays_zero_and_a_filled_one_changes_its_own_cell_only() -> None:
    head = TrackHead(OURS)
    packed = torch.zeros(1, OURS.map_channels * FRAMES_PER_LATENT, 3, 4, 5)
    assert not head(packed).any()
    packed[0, :, 1, 2, 3] = torch.randn(packed.shape[1])
    filled = head(packed).abs().amax((0, 1)) > 0
    assert filled.nonzero().tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("copy", ["nothing", "latents", "picture"])
def test_the_image_condition_has_wan_s_mask_and_one_latent_whatever_is_copied(copy: str) -> None:
    assert TrackHeadConfig(copy=copy).condition_channels(16) == 4 + 16  # type: ignore[arg-type]


def test_the_default_is_the_paper_s_head() -> None:
    paper = TrackHeadConfig()
    assert (paper.id_channels, paper.identity, paper.map_channels, paper.copy) == (64, "random", 64, "nothing")
    assert TrackHead(paper).conv_in.in_channels == 256


def test_a_hidden_channel_widens_the_map_by_one() -> None:
    assert OURS.map_channels == 9
    assert TrackHead(OURS).conv_in.in_channels == 36


def test_a_configuration_survives_its_json(tmp_path: Path) -> None:
    config = TrackHeadConfig(copy="picture", reach=2.25, hidden_channel=True)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"_class_name": "TrackHead", **config.to_json()}))
    assert TrackHeadConfig.from_json(path) == config != TrackHeadConfig()
    assert TrackHeadConfig.from_json({}) == TrackHeadConfig()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"id_channels": 6}, "id_channels"),
        ({"identity": "colour"}, "'colour'"),
        ({"copy": "pixels"}, "copy nothing, latents or picture.*'pixels'"),
        ({"reach": 0}, "reach .* got 0"),
        ({"reach": -1.5}, "reach .* got -1.5"),
        ({"reach": float("nan")}, "reach .* got nan"),
        ({"hiden_channel": True}, "hiden_channel"),
        ({"copy_frames": 4, "copy_density": 4}, r"\['copy_density', 'copy_frames'\]"),
    ],
)
def test_a_wrong_configuration_is_named(values: dict[str, object], named: str) -> None:
    with pytest.raises(CheckpointError, match=named):
        TrackHeadConfig.from_json(values)


@torch.inference_mode()
def test_new_input_slots_at_zero_give_the_base_model_s_output_exactly() -> None:
    torch.manual_seed(0)
    base = WanTransformer(WanConfig(**BASE)).eval()  # type: ignore[arg-type]
    condition_channels = OURS.condition_channels(4)
    config = WanConfig(**BASE, condition_channels=condition_channels, track_channels=OURS.out_channels)  # type: ignore[arg-type]
    wide, head = WanTransformer(config).eval(), TrackHead(OURS)
    state = base.state_dict()
    weight = torch.zeros_like(wide.patch_embedding.weight)
    weight[:, :4] = state["patch_embedding.weight"]
    wide.load_state_dict({**state, "patch_embedding.weight": weight})
    latents, text, steps = torch.randn(2, 4, 3, 4, 6), torch.randn(2, 5, 6), torch.tensor([900.0, 20.0])
    extra = [torch.randn(2, condition_channels, 3, 4, 6), head(torch.randn(2, OURS.map_channels * 4, 3, 4, 6))]
    assert extra[1].any()
    assert torch.equal(wide(torch.cat([latents, *extra], 1), steps, text), base(latents, steps, text))


def test_origin_codes_tell_near_and_far_places_apart_and_do_not_depend_on_the_id() -> None:
    places = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    codes = origin_code(places, 64)
    assert codes.shape == (200, 64)
    distance = torch.cdist(codes, codes) + 100 * torch.eye(200)
    assert distance.min() > 0.1
    nudged = origin_code(places + 1 / 512, 64)
    assert (nudged - codes).norm(dim=1).max() < torch.cdist(codes, codes).median()


def test_random_codes_are_the_same_for_an_id_and_unlike_for_neighbours() -> None:
    codes = random_code(torch.arange(500), 64)
    assert torch.equal(codes[100:110], random_code(torch.arange(100, 110), 64))
    assert codes.shape == (500, 64)
    alike = torch.nn.functional.cosine_similarity(codes[:-1], codes[1:])
    assert torch.cdist(codes, codes).add(100 * torch.eye(500)).min() > 1e-3
    assert alike.mean() < 0.7
