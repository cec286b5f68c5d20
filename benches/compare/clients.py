"""Socket.IO clients made of bytes, which can end in ways that libraries do not offer."""

import asyncio
import base64
import collections
import json
import random
import socket
import struct


class Fault(Exception):
    """Something that the server must not do."""


class Tcp:
    """One connection, as text and bytes."""

    def __init__(self, port):
        self.port = port

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    def reset(self):
        """Ends the connection as a crash would."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def request(self, method, target, body=b"", headers=()):
        lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split(" ", 2)[1])
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        length = int(fields.get("content-length", 0))
        return status, (await self.reader.readexactly(length)).decode()


class WebSocket:
    """Socket.IO packets over a WebSocket; pings are answered while waiting."""

    def __init__(self, tcp):
        self.tcp = tcp

    async def open(self, query):
        key = base64.b64encode(random.randbytes(16)).decode()
        headers = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        status, _ = await self.tcp.request("GET", f"/socket.io/?EIO=4&transport=websocket{query}", headers=headers)
        if status != 101:
            raise Fault(f"a WebSocket was answered with {status}")

    def send(self, text, opcode=1):
        data, mask = text.encode(), random.randbytes(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        self.tcp.writer.write(bytes([0x80 | opcode]) + length + mask + masked)

    async def receive(self):
        while True:
            first, length = await self.tcp.reader.readexactly(2)
            if length >= 126:
                size = {126: 2, 127: 8}[length]
                length = int.from_bytes(await self.tcp.reader.readexactly(size), "big")
            text = (await self.tcp.reader.readexactly(length)).decode(errors="replace")
            if first & 15 == 8:
                raise Fault("the server closed a WebSocket")
            if text == "2":
                self.send("3")
                continue
            return text

    async def close(self):
        self.send("", opcode=8)
        while await self.tcp.reader.read(4096):
            pass


class Polling:
    """Socket.IO packets over long-polling; each request has the same connection, one after the other."""

    def __init__(self, tcp):
        self.tcp, self.packets, self.sid = tcp, collections.deque(), ""

    async def open(self):
        self.packets.extend(await self._poll(""))
        self.sid = json.loads((await self.receive())[1:])["sid"]

    async def _poll(self, sid):
        status, text = await self.tcp.request("GET", f"/socket.io/?EIO=4&transport=polling{sid}")
        if status != 200:
            raise Fault(f"a poll was answered with {status} {text[:100]}")
        return text.split("\x1e")

    async def send(self, text):
        target = f"/socket.io/?EIO=4&transport=polling&sid={self.sid}"
        status, answer = await self.tcp.request("POST", target, text.encode(), ["Content-Type: text/plain;charset=UTF-8"])
        if status != 200:
            raise Fault(f"a POST was answered with {status} {answer[:100]}")

    async def receive(self):
        while True:
            while not self.packets:
                self.packets.extend(await self._poll(f"&sid={self.sid}"))
            packet = self.packets.popleft()
            if packet != "2":
                return packet
            await self.send("3")


class Talk:
    """Questions and their answers on either transport."""

    def __init__(self, transport):
        self.transport, self.last_offset, self.number = transport, None, 0

    async def send(self, text):
        sent = self.transport.send(text)
        if sent is not None:
            await sent

    async def until(self, begin):
        while True:
            packet = await self.transport.receive()
            if packet.startswith("42"):
                self.last_offset = json.loads(packet[2:])[-1]
            if packet.startswith(begin):
                return packet[len(begin) :]
            if packet.startswith(("41", "44")):
                raise Fault(f"the server sent {packet} in place of {begin}")

    async def connect(self, auth):
        await self.send("40" + json.dumps(auth))
        return json.loads(await self.until("40"))

    async def ask(self, event, *args):
        self.number += 1
        await self.send(f"42{self.number}" + json.dumps([event, *args]))
        return json.loads(await self.until(f"43{self.number}"))
