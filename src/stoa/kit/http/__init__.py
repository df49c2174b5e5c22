"""REST in and out: a service declares its routes (`routes`), the process answers them (`app`).

A handler gets a decoded, authorized request and returns a struct. What is common to all requests
(context, tokens, roles, strict decoding, idempotency keys, problem documents, OpenAPI) happens here
from the declaration, so that it cannot be forgotten.
"""
