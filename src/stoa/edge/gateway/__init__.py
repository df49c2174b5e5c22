"""The one door: every request from outside comes in here and leaves with what all answers share.

It owns no data. Public reads are answered from stored bytes (`response_cache`) that product events drop;
everything else passes, in this order, the limits on its size, the token and the session behind it, the
rate limit, and goes to the service that `paths` names, in this process or in another (`upstream`). What a
caller claims about itself in headers (`X-Forwarded-*`, `X-Stoa-*`) ends here.
"""

from stoa.edge.gateway.gateway import Gateway
from stoa.edge.gateway.settings import GatewaySettings

__all__ = ["Gateway", "GatewaySettings"]
