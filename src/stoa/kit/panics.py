"""A panic of an extension in Rust is no Exception, and a failure all the same: who answers for failures catches both.

except ENDS:
    raise
except BaseException:
    ...
"""

from __future__ import annotations

import asyncio

ENDS = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)
"""What is no Exception because somebody wants an end."""
