"""Asks a process of ours, at the port for its operators."""

from __future__ import annotations

import asyncio

from stoa.runtime.topology import Address


async def ask(address: Address, path: str, within_seconds: float, method: str = "GET") -> tuple[int, bytes] | None:
    """The status and the body of what it answers; None where it does not in time."""
    try:
        async with asyncio.timeout(within_seconds):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            try:
                headers = f"Host: {address}\r\nContent-Length: 0\r\nConnection: close"
                writer.write(f"{method} {path} HTTP/1.1\r\n{headers}\r\n\r\n".encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
                return int(head.split(maxsplit=2)[1]), body
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, IndexError):
        return None
