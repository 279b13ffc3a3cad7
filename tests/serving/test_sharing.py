"""Many people at one model: seats, turns, coming back, and nobody disturbs another."""

import time

import pytest

from motionstream.serving.messages import Error, Queued, Received, Seek, Start, State, Stats
from motionstream.serving.packet import Packet


def test_who_finds_all_seats_taken_queues_and_starts_by_himself_when_one_is_free(open_studio):
    studio = open_studio(max_streams=1, max_waiting=1)
    first, second, third = studio.enter(), studio.enter(), studio.enter()
    first.start()
    first.frames(10)
    second.start()
    assert second.state("queued")
    assert second.until(Queued) == Queued(position=1, waiting=1)
    third.start()
    assert third.until(Error).code == "busy"
    third.state("paused")
    first.send('{"type": "pause"}')
    second.state("streaming")
    assert second.frames(10)
    first.send('{"type": "resume"}')
    assert first.until(Queued).position == 1
    second.send('{"type": "stop"}')
    first.state("streaming")
    assert first.frames(12)


def test_no_more_videos_are_held_than_memory_is_for_and_one_that_ends_makes_room(open_studio):
    studio = open_studio(max_videos=1)
    first, second = studio.enter(), studio.enter()
    first.start()
    first.frames(10)
    first.send('{"type": "pause"}')
    second.start()
    assert "no more fit in memory" in second.state("failed").description
    first.send('{"type": "stop"}')
    while studio.client.app.state.service.num_videos:  # its present chunk is finished first
        time.sleep(0.01)
    second.send(Start(seed=1))
    assert second.frames(10)


def test_two_people_get_equally_many_chunks(open_studio):
    studio = open_studio()
    people = [studio.enter(), studio.enter()]
    for person in people:
        person.start()
    for person in people:
        person.state("streaming")
    for _ in range(30):
        for person in people:
            person.frame()
    chunks = [max(got.chunk for got in person.received if isinstance(got, Packet)) for person in people]
    assert abs(chunks[0] - chunks[1]) <= 4  # the lead that each may have


def test_the_same_seed_gives_two_people_the_same_video_however_their_turns_mix(open_studio):
    studio = open_studio()
    people = [studio.enter(), studio.enter(), studio.enter()]
    for person, seed in zip(people, (3, 4, 3), strict=True):
        person.start(seed=seed)
    videos = [[packet.payload for packet in person.frames(34)[1:]] for person in people]
    assert videos[0] == videos[2] != videos[1]


def test_a_stream_that_fails_leaves_the_others_alone(open_studio, engine):
    class Fragile:
        """The real engine, whose sessions with the seed 666 break in their second chunk."""

        checkpoint, config = engine.checkpoint, engine.config

        def open_session(self, image, prompt="", seed=0, **options):
            session = engine.open_session(image, prompt, seed, **options)
            if seed == 666:
                step = session.step
                session.step = lambda tracks: 1 / 0 if session.num_chunks else step(tracks)
            return session

    studio = open_studio(Fragile)
    healthy, doomed = studio.enter(), studio.enter()
    healthy.start()
    healthy.frames(5)
    doomed.start(seed=666)
    assert doomed.until(Error).code == "internal"
    doomed.state("failed")
    assert healthy.frames(30)
    assert not [got for got in healthy.received if isinstance(got, Error)]
    doomed.send(Start(seed=1))
    assert doomed.state("streaming").generation == 2
    assert doomed.frames(20)


def test_a_reload_finds_its_stream_again_and_sees_what_it_has_not_seen(open_studio):
    studio = open_studio()
    before = studio.visit()
    ready = before.hello()
    before.start(seed=3)
    before.frames(10)
    before.acks = False
    before.drag(4, (0.5, 0.5))
    before.until(Received)
    sent = [got.frame for got in before.received if isinstance(got, Packet) and got.sequence]
    before.session.close()

    after = studio.visit()
    again = after.hello(resume=ready.resume)
    assert (again.resumed, again.status, again.session) == (True, "streaming", ready.session)
    assert after.until(Received).seq == 4
    assert after.state("streaming").generation == 1
    frames = after.frames(20)
    assert frames[0].sequence == 1
    assert frames[0].frame <= max(sent) + 1
    assert [packet.frame for packet in frames] == list(range(frames[0].frame, frames[0].frame + 20))


def test_a_paused_stream_shows_its_newest_frame_to_a_page_that_comes_back(open_studio):
    studio = open_studio()
    before = studio.visit()
    resume = before.hello().resume
    before.start(paused=True)
    still = before.frame()
    before.session.close()
    after = studio.visit()
    assert after.hello(resume=resume).status == "paused"
    assert after.frame().payload == still.payload


def test_a_second_connection_with_the_same_token_replaces_the_first(open_studio):
    studio = open_studio()
    first = studio.visit()
    resume = first.hello().resume
    second = studio.visit()
    assert second.hello(resume=resume).resumed
    with pytest.raises(Exception, match="4409"):
        first.until(lambda got: False, seconds=5)


def test_an_unknown_resume_token_gives_a_new_stream(open_studio):
    ready = open_studio().visit().hello(resume="somebody else's")
    assert not ready.resumed
    assert ready.resume != "somebody else's"


def test_who_says_goodbye_is_not_waited_for(open_studio):
    studio = open_studio()
    visitor = studio.visit()
    resume = visitor.hello().resume
    visitor.start()
    visitor.frames(10)
    visitor.send('{"type": "bye"}')
    with pytest.raises(Exception, match="1000"):
        visitor.until(lambda got: False, seconds=5)
    assert not studio.visit().hello(resume=resume).resumed


def test_a_stream_without_a_client_gives_its_seat_back_but_is_kept_for_a_while(open_studio):
    studio = open_studio(max_streams=1, reconnect_seconds=0.1, idle_seconds=60)
    gone = studio.visit()
    resume = gone.hello().resume
    gone.start()
    gone.frames(10)
    gone.session.close()
    other = studio.enter()
    other.start()
    other.state("streaming")
    assert other.frames(5)
    assert studio.visit().hello(resume=resume).resumed


def test_a_hidden_page_does_not_keep_a_seat_that_others_wait_for(open_studio):
    studio = open_studio(max_streams=1, reconnect_seconds=0.5)
    hidden, other = studio.enter(), studio.enter()
    hidden.acks = False
    hidden.start()
    hidden.frames(10)
    other.start()
    other.state("queued")
    other.state("streaming")
    assert "others wait" in hidden.state("paused").description


def test_a_stream_that_nobody_comes_back_to_is_forgotten(open_studio):
    studio = open_studio(reconnect_seconds=0.1, idle_seconds=0.2)
    gone = studio.visit()
    resume = gone.hello().resume
    gone.session.close()
    time.sleep(1.5)
    assert not studio.visit().hello(resume=resume).resumed


def test_a_user_who_does_nothing_is_paused_and_told_so(open_studio):
    visitor = open_studio(no_input_seconds=1).enter()
    visitor.start()
    assert "without input" in visitor.state("paused").description
    assert "without input" in visitor.state("stopped").description


def test_no_more_visitors_than_allowed_come_in_and_one_who_left_makes_room(open_studio):
    studio = open_studio(max_connections=2)
    first, _second = studio.enter(), studio.enter()
    third = studio.visit()
    with pytest.raises(Exception, match="1013"):
        third.hello()
    assert third.received[-1].code == "busy"
    first.session.close()
    time.sleep(0.2)
    assert studio.enter()


def test_memory_stays_as_it_is_over_hundreds_of_chunks(open_studio):
    studio = open_studio(history_bytes=2**22)
    visitor = studio.enter()
    visitor.start()

    def load():
        stream = next(iter(studio.client.app.state.streams.all))
        return (
            stream.presenter.num_unshown,
            stream._production._video._history.num_bytes,
            len(stream._production.timeline),
        )

    for seq in range(60):
        visitor.drag(3 * seq, (0.5, 0.5), (0.6, 0.5), (0.5, 0.5))
        visitor.frames(24)
        visitor.received.clear()
    unshown, history, waiting = load()
    assert unshown <= 36
    assert history <= 2**22
    assert waiting <= 12


def test_going_back_far_makes_the_chunks_between_the_kept_ones_again(open_studio):
    visitor = open_studio(history_bytes=1).enter()  # room for the first snapshot only
    visitor.start(seed=3)
    visitor.drag(0, (0.5, 0.5), (0.6, 0.5))
    first = {packet.frame: packet.payload for packet in visitor.frames(70)[1:]}
    visitor.send(Seek(chunk=4))
    visitor.until(lambda got: isinstance(got, State) and got.generation == 2)
    frames = visitor.frames(12)
    assert [packet.frame for packet in frames] == list(range(45, 57))
    assert {packet.frame: packet.payload for packet in frames} == {n: first[n] for n in range(45, 57)}


def test_statistics_come_twice_a_second_while_it_streams(open_studio):
    visitor = open_studio().enter()
    visitor.start()
    began = time.monotonic()
    for _ in range(4):
        visitor.until(Stats)
    assert 1 < time.monotonic() - began < 15
