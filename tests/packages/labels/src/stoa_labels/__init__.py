"""Labels: a service without a database. It asks catalog and answers, and keeps nothing."""

from stoa.kit.service import Service

SERVICE = Service(
    name="labels",
    package="stoa_labels.service",
    api=1,
    beside="order",
    store=None,
    paths=("GET POST /labels/{product}",),
    calls=("catalog",),
)
