"""The same for TypeScript: generated, compiled strictly, and run by Node. `make clients` asks for it; no other lane
needs Node."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import msgspec
from tests.stocking import stock_up

from stoa.testing.contract import ours

HERE = Path(__file__).parent
BUILD = HERE.parents[2] / "build" / "clients" / "typescript"
WITHIN_SECONDS = 240


async def run(*words: str) -> str:
    ran = await asyncio.create_subprocess_exec(
        *words, cwd=BUILD, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(ran.communicate(), WITHIN_SECONDS)
    assert ran.returncode == 0, said.decode()
    return said.decode()


async def test_a_guest_orders_with_it(shop):
    await stock_up(shop, "A-1", price=1999, on_hand=3)
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc", "tsconfig.json", "order.ts"):
        shutil.copy(HERE / name, BUILD / name)
    (BUILD / "openapi.json").write_bytes(msgspec.json.encode(ours().document))
    await run("npm", "ci")
    await run("npx", "--no-install", "openapi-typescript", "openapi.json", "-o", "stoa.ts")
    await run("npx", "--no-install", "tsc")
    said = await run("node", "order.js", f"http://127.0.0.1:{shop.process.port}/api/v1")
    assert re.fullmatch(r"\S+ confirmed \d+ GBP\n", said)
