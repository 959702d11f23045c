"""Devices that speak the protocols of VISA on TCP, as little of them as a test needs."""

from __future__ import annotations

import contextlib
import socket
import struct

from .scripted_device import ScriptedDevice

_HISLIP = struct.Struct("!2sBBIQ")
_DATA_END = 7
# What a message is answered with, by number, parameter and content: Initialize with version and session,
# DeviceClearComplete, AsyncMaxMsgSize with the size, AsyncInitialize, AsyncDeviceClear.
_HISLIP_ANSWERS = {
    0: (1, 0x0100_0001, b""),
    8: (9, 0, b""),
    15: (16, 0, struct.pack("!Q", 2**20)),
    17: (18, 0, b""),
    19: (23, 0, b""),
}


class HislipDevice(ScriptedDevice):
    """Speaks HiSLIP, each answer in a message of its own."""

    @property
    def resource_name(self) -> str:
        """The device for VISA."""
        return f"TCPIP::127.0.0.1::hislip0,{self.port}::INSTR"

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as stream:
            while len(header := stream.read(_HISLIP.size)) == _HISLIP.size:
                _, kind, _, parameter, length = _HISLIP.unpack(header)
                payload = stream.read(length)
                if kind == _DATA_END:
                    self._answer(payload.decode().rstrip("\n"), _HislipMessages(connection, parameter))
                else:
                    answer, parameter, content = _HISLIP_ANSWERS[kind]
                    connection.sendall(_HISLIP.pack(b"HS", answer, 0, parameter, len(content)) + content)


class _HislipMessages:
    """A connection that makes messages of what is said, for a question."""

    def __init__(self, connection: socket.socket, question: int) -> None:
        self._connection = connection
        self._question = question

    def sendall(self, data: bytes) -> None:
        self._connection.sendall(_HISLIP.pack(b"HS", _DATA_END, 0, self._question, len(data)) + data)

    def shutdown(self, how: int) -> None:
        self._connection.shutdown(how)


class Vxi11Device(ScriptedDevice):
    """Speaks VXI-11; a new link begins with nothing to say."""

    @property
    def resource_name(self) -> str:
        """The device for VISA."""
        return f"TCPIP::127.0.0.1,{self.port}::inst0::INSTR"

    def _talk(self, connection: socket.socket) -> None:
        link = _Link(connection)
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as stream:
            while len(mark := stream.read(4)) == 4:
                call = stream.read(struct.unpack("!I", mark)[0] & 0x7FFF_FFFF)
                procedure = struct.unpack_from("!I", call, 20)[0]
                result = self._call(procedure, call[40:], link)
                reply = call[:4] + struct.pack("!5I", 1, 0, 0, 0, 0) + result
                connection.sendall(struct.pack("!I", len(reply) | 0x8000_0000) + reply)

    def _call(self, procedure: int, arguments: bytes, link: _Link) -> bytes:
        if procedure == 10:  # create_link: error, link, port for abort, longest write
            return struct.pack("!4I", 0, 1, 0, 2**20)
        if procedure == 11:  # device_write: error, size
            size = struct.unpack_from("!I", arguments, 16)[0]
            self._answer(arguments[20 : 20 + size].decode().rstrip("\n"), link)
            return struct.pack("!2I", 0, size)
        if procedure == 12:  # device_read: error, reason, data
            return link.read(struct.unpack_from("!I", arguments, 4)[0])
        link.said.clear()  # device_clear, destroy_link
        return struct.pack("!I", 0)


class _Link:
    """What the device has to say, message by message, until it is read."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.said: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.said.append(data)

    def shutdown(self, how: int) -> None:
        self._connection.shutdown(how)

    def read(self, count: int) -> bytes:
        """The result of `device_read`: 15 is a timeout; reason 1 is for the count, 4 for the end."""
        if not self.said:
            return struct.pack("!3I", 15, 0, 0)
        data, rest = self.said[0][:count], self.said[0][count:]
        self.said[:1] = [rest] if rest else []
        padded = data + bytes(-len(data) % 4)
        return struct.pack("!3I", 0, 1 if rest else 4, len(data)) + padded
