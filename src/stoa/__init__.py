"""Stoa: a complete commerce platform. One code base, one process or many.

Start reading at `stoa.app`: the whole system on one page.
"""

import os

# gRPC would let a process that forks go on with its channels: ours only start other programs. Its handlers kill one
# child in five that is forked while calls are under way. It reads this when it is loaded, so here, before anything.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

__version__ = "0.1.0"
