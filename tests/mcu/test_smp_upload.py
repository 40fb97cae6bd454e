import pytest

from nasc_sdk.mcu.smp_upload import LEAST_PACKET_BYTES, Chunk, UploadWindow


def window_of(total=10_000, start=0, *, window=3, packet=1000):
    return UploadWindow(total, start, window=window, packet_bytes=packet, timeout_s=1.0)


def send_all(window, first_sequence, now_s=0.0):
    """Sequence numbers and chunks of all that may go out now."""
    sent = {}
    while (chunk := window.next_chunk()) is not None:
        sequence = first_sequence + len(sent)
        window.sent(sequence, chunk, now_s)
        sent[sequence] = chunk
    return sent


def test_the_window_is_filled_and_slides():
    window = window_of()
    assert send_all(window, 0) == {0: Chunk(0, 1000), 1: Chunk(1000, 2000), 2: Chunk(2000, 3000)}
    window.answered(0, 1000, 0.1)
    assert send_all(window, 3) == {3: Chunk(3000, 4000)}
    window.answered(2, 3000, 0.1)
    # The answer to 1 was lost: that of 2 settles both.
    assert [chunk.offset for chunk in send_all(window, 4).values()] == [4000, 5000]


def test_a_gap_goes_back_at_once_with_shorter_packets():
    window = window_of()
    send_all(window, 0)
    window.answered(1, 0, 0.1)  # 0 was lost
    assert window.confirmed == 0
    # 2 is still on its way, and says nothing new.
    assert send_all(window, 3) == {3: Chunk(0, 500), 4: Chunk(500, 1000)}
    window.answered(2, 0, 0.1)
    assert send_all(window, 5) == {5: Chunk(1000, 1500)}
    window.answered(3, 500, 0.2)
    assert window.confirmed == 500


def test_a_packet_that_had_arrived_before_moves_on():
    window = window_of(packet=500)
    send_all(window, 0)
    window.expire()
    sent = send_all(window, 3)
    assert sent[3] == Chunk(0, 250)
    window.answered(3, 1500, 0.2)
    assert window.confirmed == 1500
    assert send_all(window, 6)[6].offset == 1500


def test_late_answers_are_ignored():
    window = window_of()
    send_all(window, 0)
    window.expire()
    window.answered(0, 1000, 0.3)
    assert window.confirmed == 0
    assert not window.lost


def test_an_offset_that_went_back_or_was_never_sent_is_a_lost_upload():
    for offset in (500, 9000):
        window = window_of(start=1000)
        send_all(window, 0)
        window.answered(0, offset, 0.1)
        assert window.lost


def test_losses_shorten_packets_to_a_least_and_successes_lengthen_them():
    window = window_of(100_000, window=1)
    for sequence in range(20):
        chunk = window.next_chunk()
        window.sent(sequence, chunk, 0.0)
        window.expire()
    assert window.silent_timeouts == 20
    assert window.next_chunk().end == LEAST_PACKET_BYTES
    for sequence in range(20, 20 + 8 * 6):
        chunk = window.next_chunk()
        window.sent(sequence, chunk, 0.0)
        window.answered(sequence, chunk.end, 0.01)
    chunk = window.next_chunk()
    assert chunk.end - chunk.offset == 1000
    assert window.silent_timeouts == 0


def test_the_timeout_follows_the_round_trips_and_doubles():
    window = window_of(100_000, window=1, packet=10)
    assert window.deadline_s == float("inf")
    for sequence in range(50):
        chunk = window.next_chunk()
        window.sent(sequence, chunk, 10.0)
        waits = window.deadline_s - 10.0
        window.answered(sequence, chunk.end, 10.08)
    assert 0.15 < waits < 0.25
    for sequence in range(50, 56):
        window.sent(sequence, window.next_chunk(), 20.0)
        previous, waits = waits, window.deadline_s - 20.0
        assert previous * 0.99 <= waits <= 1.0
        assert sequence == 50 or waits == pytest.approx(min(2 * previous, 1.0))
        window.expire()
    assert waits == 1.0


def test_it_ends():
    window = window_of(2500, 2400)
    assert send_all(window, 0) == {0: Chunk(2400, 2500)}
    window.answered(0, 2500, 0.1)
    assert window.done
    assert window.next_chunk() is None
    assert window_of(5, 5).done
