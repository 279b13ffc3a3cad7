import pytest
import torch

from motionstream.models.rope import RotaryTables, apply_rotary, axis_dims

CPU = torch.device("cpu")


@pytest.mark.parametrize("head_dim", [6, 20, 28, 64, 128])
def test_the_three_axes_share_all_channels_of_a_head(head_dim: int) -> None:
    time, rows, columns = axis_dims(head_dim)
    assert time + rows + columns == head_dim
    assert all(dim % 2 == 0 for dim in (time, rows, columns))


def test_the_score_of_two_tokens_depends_only_on_their_distance() -> None:
    tables = RotaryTables(28)
    query, key = torch.randn(1, 1, 1, 28), torch.randn(1, 1, 1, 28)

    def score(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
        turned = []
        for x, (frame, row, column) in ((query, a), (key, b)):
            table = tables.get([frame], 8, 8, CPU).part(row * 8 + column, row * 8 + column + 1)
            turned.append(apply_rotary(x, table))
        return float((turned[0] * turned[1]).sum())

    assert score((5, 1, 2), (3, 0, 6)) == pytest.approx(score((1005, 3, 3), (1003, 2, 7)), abs=1e-4)
    assert score((5, 1, 2), (3, 0, 6)) != pytest.approx(score((6, 1, 2), (3, 0, 6)), abs=1e-4)


def test_rotation_keeps_length_and_type() -> None:
    table = RotaryTables(20).get(range(2), 3, 1, CPU)
    x = torch.randn(2, 6, 3, 20)
    assert torch.allclose(apply_rotary(x, table).norm(dim=-1), x.norm(dim=-1), atol=1e-5)
    assert apply_rotary(x.bfloat16(), table).dtype == torch.bfloat16


def test_a_shape_is_worked_out_once_and_old_shapes_do_not_pile_up() -> None:
    tables = RotaryTables(12)
    first = tables.get(range(3), 2, 2, CPU)
    assert tables.get(range(3), 2, 2, CPU) is first
    assert tables.get(range(1, 4), 2, 2, CPU) is not first
    for position in range(1000):
        tables.get([position], 2, 2, CPU)
    assert len(tables._tables) <= 64


def test_a_table_made_while_streaming_serves_training() -> None:
    tables = RotaryTables(12)
    with torch.inference_mode():
        table = tables.get(range(1), 2, 2, CPU)
    x = torch.randn(1, 4, 1, 12, requires_grad=True)
    apply_rotary(x, table).square().sum().backward()
    assert x.grad is not None
