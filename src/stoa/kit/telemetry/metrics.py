"""What is counted, for Prometheus. Every name and label of the platform stands here, once.

Labels are few and bounded: route templates, never paths; methods of a contract; names of services.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

# From an answer out of memory to a checkout that waits for a bank.
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

HTTP_REQUESTS = Counter(
    "stoa_http_requests", "Requests answered by a service", ["service", "method", "route", "status"], registry=REGISTRY
)
HTTP_SECONDS = Histogram(
    "stoa_http_request_seconds",
    "Time a service took to answer",
    ["service", "method", "route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)

RPC_CALLS = Counter(
    "stoa_rpc_calls", "Calls from a service to another", ["caller", "callee", "method", "code"], registry=REGISTRY
)
RPC_SECONDS = Histogram(
    "stoa_rpc_call_seconds",
    "Time a call took, seen by the caller",
    ["callee", "method"],
    buckets=_SECONDS,
    registry=REGISTRY,
)

OUTBOX_DEPTH = Gauge("stoa_outbox_depth", "Deliveries still owed", ["service"], registry=REGISTRY)
OUTBOX_OLDEST_SECONDS = Gauge(
    "stoa_outbox_oldest_seconds", "Age of the oldest delivery owed", ["service"], registry=REGISTRY
)
OUTBOX_PARKED = Gauge("stoa_outbox_parked", "Deliveries refused, waiting for a person", ["service"], registry=REGISTRY)
EVENTS_DELIVERED = Counter(
    "stoa_events_delivered", "Deliveries acknowledged", ["service", "recipient"], registry=REGISTRY
)

INBOX_DEPTH = Gauge("stoa_inbox_depth", "Events accepted and not yet handled", ["service"], registry=REGISTRY)
INBOX_PARKED = Gauge("stoa_inbox_parked", "Events that failed, waiting for a person", ["service"], registry=REGISTRY)
EVENTS_HANDLED = Counter(
    "stoa_events_handled", "Events handled, by how it ended", ["service", "type", "outcome"], registry=REGISTRY
)

STREAM_EVENTS = Counter(
    "stoa_stream_events", "Behavior events, by what became of them", ["service", "topic", "outcome"], registry=REGISTRY
)
STREAM_EVENTS_HANDLED = Counter(
    "stoa_stream_events_handled",
    "Behavior events read, by how it ended",
    ["service", "topic", "outcome"],
    registry=REGISTRY,
)
STREAM_BEHIND = Gauge(
    "stoa_stream_behind", "Behavior events not yet read", ["service", "source", "topic"], registry=REGISTRY
)
STREAM_PARKED = Gauge(
    "stoa_stream_parked", "Behavior events that failed and were passed by", ["service"], registry=REGISTRY
)

SAGA_STEPS = Counter(
    "stoa_saga_steps", "Steps of checkout sagas, by how they ended", ["step", "outcome"], registry=REGISTRY
)
SAGAS_ENDED = Counter("stoa_sagas_ended", "Checkout sagas, by how they ended", ["outcome"], registry=REGISTRY)
SAGAS_OPEN = Gauge("stoa_sagas_open", "Checkout sagas under way, by state", ["state"], registry=REGISTRY)

SEARCH_DOCUMENTS = Gauge("stoa_search_documents", "Products that this process's index finds", registry=REGISTRY)
SEARCH_BEHIND_SECONDS = Gauge(
    "stoa_search_behind_seconds",
    "Since when this process's index, or the documents, are not known to have everything",
    registry=REGISTRY,
)
SEARCH_BEHIND_REVISIONS = Gauge(
    "stoa_search_behind_revisions", "Changes of documents that this process's index has not", registry=REGISTRY
)
SEARCH_SET_ASIDE = Counter(
    "stoa_search_set_aside", "Products that search could not read, and does not find", registry=REGISTRY
)
SEARCH_STALE = Gauge("stoa_search_stale", "Products that may not be as they are found", registry=REGISTRY)

GATEWAY_ANSWERS = Counter(
    "stoa_gateway_answers", "Requests at the one door, by who answered", ["upstream", "status"], registry=REGISTRY
)
GATEWAY_RESPONSE_CACHE = Counter(
    "stoa_gateway_response_cache", "Public reads, by whether their bytes were at hand", ["result"], registry=REGISTRY
)
GATEWAY_REFUSED = Counter(
    "stoa_gateway_refused", "Requests that the gateway turned away", ["reason"], registry=REGISTRY
)


def exposition() -> tuple[bytes, str]:
    """All of it as text, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
