"""Messages that no good peer sends: captures of a real mesh, mutated, and what a hostile mind adds."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

UUIDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(50)]


class Malformed(NamedTuple):
    """One AMQP message.

    Attributes:
        routing_key: the key it is published with.
        properties: flags and property list, as bytes.
        body: its bytes.
    """

    routing_key: bytes
    properties: bytes
    body: bytes


class Raw(NamedTuple):
    """A header value that is encoded already: a type and what follows."""

    data: bytes


def malformed(
    seed: int, keys: Sequence[str], reply_keys: Sequence[str], bodies: Sequence[bytes]
) -> Iterator[Malformed]:
    """Make messages without end, the same ones for the same seed.

    Args:
        seed: of the random numbers.
        keys: routing keys that lead somewhere.
        reply_keys: where replies may go.
        bodies: good bodies, which are mutated.
    """
    chance = random.Random(seed)
    while True:
        key = chance.choice(keys)
        if chance.random() < 0.1:
            key += "." + chance.choice(["x", "", "..", "#", "*", "é" * 20, "__class__"])
        yield Malformed(key.encode()[:255], _properties(chance, reply_keys), _body(chance, bodies))


def flipped(chance: random.Random, message: Malformed) -> Malformed:
    """Change some bytes of a message's properties; a broker may take offence."""
    data = bytearray(message.properties)
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(2, len(data))] ^= 1 << chance.randrange(8)
    return message._replace(properties=bytes(data))


# -- properties ----------------------------------------------------------------------------------------------


def _properties(chance: random.Random, reply_keys: Sequence[str]) -> bytes:
    flags, data = 0, b""
    texts = (
        (1 << 14, chance.choice([b"application/json", b"", b"gzip", b"\xff\xfe", b"x" * 255]), 0.9),
        (1 << 13, None, 0.97),
        (1 << 10, chance.choice([chance.choice(UUIDS).encode(), b"", b"\x00\xff", b"c" * 255]), 0.9),
        (1 << 9, chance.choice(reply_keys).encode(), 0.6),
        (1 << 7, _message_id(chance), 0.9),
    )
    for bit, text, probability in texts:
        if chance.random() < probability:
            flags |= bit
            data += _table(_headers(chance)) if text is None else bytes((len(text),)) + text
    return struct.pack(">H", flags) + data


def _message_id(chance: random.Random) -> bytes:
    uuid = chance.choice(UUIDS)
    numbers = [
        "0",
        "1",
        "2",
        "3",
        "9",
        "-1",
        "x",
        "",
        " 1",
        "+1",
        "1.0",
        "٣",
        "1_0",
        "10000",
        "10001",
        "9" * 9,
        "9" * 90,
    ]
    kind = chance.randrange(6)
    if kind == 0:
        return uuid.encode()
    if kind == 1:
        return f"{uuid}/0/1".encode()
    if kind == 2:
        total = chance.randint(2, 6)
        return f"{uuid}/{chance.randrange(total)}/{total}".encode()
    if kind == 3:
        return f"{uuid}/{chance.randrange(9000)}/{chance.choice([9000, 10000])}".encode()
    if kind == 4:
        return f"{uuid}/{chance.choice(numbers)}/{chance.choice(numbers)}".encode()[:255]
    return chance.choice(
        [b"", b"/", b"//", b"///////", b"\xff/0/1", b"0/1", uuid.encode() + b"/0/1/0/1", b"a" * 255]
    )


def _headers(chance: random.Random) -> dict[bytes, Any]:
    headers: dict[bytes, Any] = {
        b"message_type": 3 if chance.random() < 0.7 else chance.choice([2, 4, 0, 5, -1, 2**31 - 1]),
        b"message_operation": chance.choice([0, 1, 9, 9, 8, -1, 77]),
        b"specifier": chance.choice(_SPECIFIERS),
        b"timestamp": b"2026-01-01T00:00:00.000000Z",
        b"sender_info": _sender(chance),
        b"lockout_key": chance.choice(
            [b"", UUIDS[0].encode(), b"nonsense", b"{" + b"0" * 32 + b"}", b"\xff" * 16]
        ),
        b"return_code": chance.choice([0, 999, -5]),
        b"return_message": b"%s%n{0.__class__}",
    }
    for _ in range(chance.randrange(3)):
        name = chance.choice(list(headers))
        if chance.random() < 0.5:
            del headers[name]
        else:
            headers[name] = _anything(chance, 0)
    if chance.random() < 0.1:
        headers[chance.choice([b"", b"extra", b"x" * 255, b"\xc3\xa9"])] = _anything(chance, 0)
    return headers


_SPECIFIERS = [
    b"", b"", b".", b"1.", b"value", b"__class__", b"__dict__", b"_value", b"_dripline_lockout", b"auth",
    b"cancel", b"stop", b"on_get", b"send", b"create_object", b"is-locked", b"ping", b"unlock", b"a.b.c",
    b"\xff\xfe", b"\x00", b"%s%n%d", b"{0.__class__}", b"x" * 5000, b"x" * 20_000, "ä☃".encode(), b"lock\n",
    b"throw_something", b"set_condition",
]  # fmt: skip


def _sender(chance: random.Random) -> Any:
    sender: dict[bytes, Any] = {
        b"exe": b"/usr/bin/peer",
        b"hostname": b"lab",
        b"service_name": b"unknown",
        b"username": b"anna",
        b"versions": {b"dripline": {b"version": b"3.0.0"}},
    }
    if chance.random() < 0.3:
        sender[chance.choice(list(sender))] = _anything(chance, 0)
    if chance.random() < 0.1:
        del sender[chance.choice(list(sender))]
    if chance.random() < 0.1:  # each different, to fill what remembers them
        sender[b"run"] = b"%d" % chance.getrandbits(64) + b"y" * chance.randrange(2000)
    return sender


def _anything(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(12 if depth < 4 else 9)
    if kind == 9:
        return {b"k%d" % number: _anything(chance, depth + 1) for number in range(chance.randrange(4))}
    if kind == 10:
        deep: Any = {}
        for _ in range(chance.choice([5, 15, 20, 60])):
            deep = {b"d": deep}
        return deep
    if kind == 11:
        items = b"".join(_value(_anything(chance, depth + 1)) for _ in range(chance.randrange(4)))
        return Raw(b"A" + struct.pack(">I", len(items)) + items)
    return chance.choice(_SCALARS)


# No floats that are no numbers: RabbitMQ closes the connection with 541, being unable to hold them.
_SCALARS = [
    Raw(b"V"), Raw(b"t\x01"), Raw(b"b\xff"), Raw(b"l" + b"\x7f" * 8), Raw(b"d" + struct.pack(">d", 1.5)),
    Raw(b"f" + struct.pack(">f", -1e30)), Raw(b"T" + b"\xff" * 8), Raw(b"D\x02\x00\x00\x00\x05"),
    Raw(b"x" + struct.pack(">I", 3) + b"\x00\xff\x00"), b"", b"text", b"\xff\xff", b"z" * 3000, 0, -1, 2**31 - 1,
]  # fmt: skip


def _table(fields: dict[bytes, Any]) -> bytes:
    data = b"".join(bytes((len(name),)) + name + _value(value) for name, value in fields.items())
    return struct.pack(">I", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, Raw):
        return value.data
    if isinstance(value, bytes):
        return b"S" + struct.pack(">I", len(value)) + value
    if isinstance(value, int):
        return b"I" + struct.pack(">i", value)
    return b"F" + _table(value)


# -- bodies --------------------------------------------------------------------------------------------------


def _body(chance: random.Random, bodies: Sequence[bytes]) -> bytes:
    return chance.choice(_BODIES)(chance, chance.choice(bodies))


def _truncated(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _mutated(chance: random.Random, body: bytes) -> bytes:
    data = bytearray(body or b"{}")
    for _ in range(chance.randint(1, 5)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _odd(chance: random.Random, _body: bytes) -> bytes:
    return chance.choice(_ODD)


def _values(chance: random.Random, _body: bytes) -> bytes:
    values = [chance.choice([None, True, 1, -1.5, "x" * chance.randrange(300), [], {}, [[[]]], {"a": {"b": 1}}])]
    payload: Any = {
        "values": values * chance.randrange(4),
        chance.choice(["force", "self", "values ", "x"]): values,
    }
    return json.dumps(chance.choice([payload, values, values[0], {"values": values[0]}])).encode()


_ODD = [
    b"", b"null", b"nul", b"[]", b"0", b'""', b"{", b"[" * 5000, b'{"a":' * 5000, b"[" * 99 + b"]" * 99,
    b"1e999999", b"-1e999999", b"9" * 5000, b"NaN", b"Infinity", b"-Infinity", b"\xff\xfe\x00", b"\x00" * 100,
    b"\xef\xbb\xbf{}",
    b'{"values":[1],"values":[2]}', b'{"values":' + b"[]," * 3000 + b"]}", b'{"values":["\\ud800"]}',
    b'{"values":["' + b"\\u0000" * 500 + b'"]}', b"{'values': [1]}", b'{"values":[__import__("os")]}',
    b'{"values":[{"__class__":1}],"__class__":2}', b'{"values":"not a list"}', b"[" + b"0," * 4000 + b"0]",
    b'"' + b"\\" * 4001,
]  # fmt: skip
_BODIES: list[Callable[[random.Random, bytes], bytes]] = [_truncated, _mutated, _odd, _values]
