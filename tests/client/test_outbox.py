"""Events that are not receipted are sent again, each with its own number."""

from hypothesis import given
from hypothesis import strategies as st

from motionstream.client.outbox import Outbox
from motionstream.serving.messages import Events, TimedInput


def _numbered(messages: list[Events]) -> list[tuple[int, float]]:
    return [(batch.seq + i, timed.t_ms) for batch in messages for i, timed in enumerate(batch.events)]


@given(st.lists(st.one_of(st.integers(0, 600), st.floats(0, 1)), max_size=12))
def test_numbers_go_on_and_only_what_is_not_receipted_is_kept(steps: list[int | float]) -> None:
    outbox, sent, receipted = Outbox(first=0), 0, -1
    for step in steps:
        if isinstance(step, int):
            events = [TimedInput(t_ms=sent + i, event={"type": "move"}) for i in range(step)]
            assert _numbered(outbox.put(events)) == [(n, n) for n in range(sent, sent + step)]
            sent += step
        else:
            receipted = max(receipted, round(step * (sent - 1)) if sent else -1)
            outbox.take_receipt(receipted)
        assert outbox.received == receipted
        kept = _numbered(outbox.again())
        assert kept == [(n, n) for n in range(max(receipted + 1, sent - 4096), sent)]


def test_a_receipt_for_what_was_never_sent_changes_nothing() -> None:
    outbox = Outbox(first=0)
    outbox.put([TimedInput(t_ms=1, event={"type": "press"})])
    outbox.take_receipt(70)
    assert outbox.received == 0
    assert outbox.put([TimedInput(t_ms=2, event={"type": "move"})])[0].seq == 1
