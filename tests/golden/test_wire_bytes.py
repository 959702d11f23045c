"""What a real mesh exchanged is read without loss and written again byte for byte."""

from collections import defaultdict

from dripline.wire.body import Joiner
from dripline.wire.codec import Encoder, read_message


def joined(parts):
    """Put parts together."""
    joiner = Joiner()
    for part in parts:
        body = joiner.add(part, now=0.0)
    return body


def chunk_sets(captures):
    """Give the captures of each message that was sent in chunks."""
    sets = defaultdict(list)
    for capture in captures:
        if not capture.made_by_hand and capture.part().total > 1:
            sets[capture.part().uuid].append(capture)
    return list(sets.values())


def test_unsplit_messages_are_written_as_they_were(captures):
    """Reading and writing any message of a real peer gives its properties and body byte for byte."""
    count = 0
    for capture in captures:
        if capture.made_by_hand or capture.part().total > 1:
            continue
        message = capture.message()
        assert message.invalid_reason is None
        encoder = Encoder(message.sender_info)
        (envelope,) = encoder.encode(message, message.timestamp, message.message_id)
        assert envelope.properties == capture.properties_bytes, capture.case
        assert envelope.body == capture.body, capture.case
        assert envelope.routing_key == capture.routing_key
        count += 1
    assert count > 200


def test_chunked_messages_are_joined_and_written_as_they_were(captures):
    """Chunks of real peers are joined, also across a cut character, and written again byte for byte."""
    sets = chunk_sets(captures)
    assert len(sets) >= 6
    for chunks in sets:
        parts = [chunk.part() for chunk in chunks]
        message = read_message(parts[0], joined(parts))
        assert message.invalid_reason is None
        size = len(parts[0].body)
        envelopes = Encoder(message.sender_info, size).encode(message, message.timestamp, message.message_id)
        assert [e.properties for e in envelopes] == [chunk.properties_bytes for chunk in chunks]
        assert [e.body for e in envelopes] == [chunk.body for chunk in chunks]


def test_a_cut_inside_a_character_does_no_harm(captures):
    """The captures do hold bodies that were cut inside a character, so the promise above is kept for them."""
    texts = []
    for chunks in chunk_sets(captures):
        message = read_message(chunks[0].part(), joined([chunk.part() for chunk in reversed(chunks)]))
        texts.append(str(message.plain_payload))
    assert any("é" in text for text in texts)
