import numpy as np
import pytest
from motionstream_camera.depth import DepthMap, estimator_called

from motionstream.errors import CheckpointError, InputError

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def tiny_network(tmp_path_factory):
    """A folder with a Depth Anything of the real architecture, tiny, with random weights."""
    import torch
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    def save(**kind):
        backbone = Dinov2Config(
            hidden_size=24, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14,
            out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False, apply_layernorm=True,
        )  # fmt: skip
        config = DepthAnythingConfig(
            backbone_config=backbone, reassemble_hidden_size=24, neck_hidden_sizes=[8, 8, 8, 8],
            fusion_hidden_size=8, head_hidden_size=8, **kind,
        )  # fmt: skip
        torch.manual_seed(1)
        network = DepthAnythingForDepthEstimation(config)
        with torch.no_grad():
            for layer in (network.head.conv1, network.head.conv2, network.head.conv3):
                layer.weight.mul_(20)  # as it is drawn, the weights are too small to tell one place from another
            network.head.conv3.bias.fill_(1.0)  # else the last ReLU may leave nothing
        folder = tmp_path_factory.mktemp("depth")
        network.save_pretrained(folder)
        return str(folder)

    return save


@pytest.mark.parametrize(("dtype", "unit", "step"), [(np.uint16, 0, 0.001), (np.uint16, 0.0002, 0.0002)])
def test_a_png_is_in_millimetres_unless_a_unit_is_given(tmp_path, dtype, unit, step):
    import cv2

    raw = np.array([[1000, 2500], [0, 65535]], dtype)
    cv2.imwrite(str(tmp_path / "depth.png"), raw)
    depth = estimator_called(str(tmp_path / "depth.png"), unit=unit).estimate(None, 1.0)
    np.testing.assert_allclose(depth.values, [[1000 * step, 2500 * step], [0, 0]], rtol=1e-6)
    assert depth.metric


def test_floating_point_files_are_in_metres(tmp_path):
    import cv2

    values = np.array([[1.5, 2.5], [np.nan, 4]], np.float32)
    np.save(tmp_path / "depth.npy", values)
    np.savez(tmp_path / "depth.npz", values)
    cv2.imwrite(str(tmp_path / "depth.tiff"), values)
    for name in ("depth.npy", "depth.npz", "depth.tiff"):
        depth = estimator_called(str(tmp_path / name)).estimate(None, 1.0)
        np.testing.assert_allclose(depth.values, [[1.5, 2.5], [0, 4]], err_msg=name)


def test_relative_inverse_depth_runs_from_near_to_far(tmp_path):
    np.save(tmp_path / "inverse.npy", np.array([[30.0, 20.0], [10.0, 10.0]], np.float32))
    estimator = estimator_called(str(tmp_path / "inverse.npy"), inverse=True, near=2, far=6)
    depth = estimator.estimate(None, 1.0)
    np.testing.assert_allclose(depth.values, [[2, 3], [6, 6]], rtol=1e-6)  # 1/3 is half way between 1/2 and 1/6
    assert not depth.metric


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("none.png", None, "no such file"),
        ("three.npy", np.ones((4, 4, 3)), "one value a pixel"),
        ("zero.npy", np.zeros((4, 4)), "above zero"),
        ("line.npy", np.ones(4), "one value a pixel"),
        ("words.npy", "text", "could not read"),
    ],
)
def test_a_file_that_holds_no_depth_is_refused(tmp_path, name, content, problem):
    if isinstance(content, str):
        (tmp_path / name).write_text(content)
    elif content is not None:
        np.save(tmp_path / name, content)
    with pytest.raises(InputError, match=problem):
        estimator_called(str(tmp_path / name)).estimate(None, 1.0)


def test_eight_bits_are_a_picture_and_no_depth(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "shown.png"), np.full((4, 4), 128, np.uint8))
    with pytest.raises(InputError, match="8 bits"):
        estimator_called(str(tmp_path / "shown.png")).estimate(None, 1.0)


def test_a_file_is_cut_as_the_picture_was(tmp_path):
    values = np.tile(np.arange(1, 9, dtype=np.float32), (4, 1))  # 8 wide, 4 high
    np.save(tmp_path / "depth.npy", values)
    depth = estimator_called(str(tmp_path / "depth.npy")).estimate(None, 1.0)
    np.testing.assert_array_equal(depth.values, values[:, 2:6])


def test_the_floor_is_nearest_below_and_far_from_the_horizon_up():
    depth = estimator_called("floor", near=2, far=10, horizon=0.5).estimate(None, 0.75)
    column = depth.values[:, 0]
    assert column[-1] == pytest.approx(2, rel=0.02)
    assert (column[: len(column) // 2] == 10).all()
    assert (np.diff(column) <= 0).all()


def test_a_network_tells_inverse_depth_between_near_and_far(tiny_network):
    estimator = estimator_called(tiny_network(), near=1, far=5)
    depth = estimator.estimate(PICTURE, 0.75)
    assert depth.values.shape == PICTURE.shape[:2]
    assert (depth.values.min(), depth.values.max()) == pytest.approx((1, 5), rel=1e-5)
    assert not depth.metric
    assert "relative" in estimator.description


def test_a_metric_network_tells_metres(tiny_network):
    estimator = estimator_called(tiny_network(depth_estimation_type="metric", max_depth=20))
    depth = estimator.estimate(PICTURE, 0.75)
    assert depth.metric
    assert 0 < depth.values.min() < depth.values.max() < 20
    assert "metres" in estimator.description


def test_the_network_sees_what_its_own_processor_would_show_it(tiny_network):
    """The same numbers as the network gives for a picture that was prepared by hand."""
    import torch
    from transformers import AutoModelForDepthEstimation

    folder = tiny_network()
    square = PICTURE[:, :48].repeat(7, axis=0).repeat(7, axis=1)[:56, :56]  # 56 is its size: nothing is resized
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = ((square / 255 - mean) / std).transpose(2, 0, 1)[None]
    with torch.inference_mode():
        network = AutoModelForDepthEstimation.from_pretrained(folder).eval()
        told = network(pixel_values=torch.from_numpy(pixels).float()).predicted_depth[0].numpy()
    wanted = DepthMap.of_inverse(told, 1, 10).values
    got = estimator_called(folder, near=1, far=10).estimate(square, 1.0).values
    np.testing.assert_allclose(got, wanted, rtol=1e-3)


def test_a_network_without_weights_and_an_unknown_name_say_what_to_give(tmp_path):
    with pytest.raises(CheckpointError, match="could not be loaded"):
        estimator_called(str(tmp_path)).estimate(PICTURE, 0.75)
    with pytest.raises(InputError, match="nothing is called 'lidar'"):
        estimator_called("lidar")


def test_a_network_without_a_picture_asks_for_one(tiny_network):
    with pytest.raises(InputError, match="wanted a picture"):
        estimator_called(tiny_network()).estimate(None, 0.75)
