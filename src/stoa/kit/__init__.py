"""What every service needs and no commerce: it imports nothing else of Stoa.

Money, ids and time; problems (one error format for HTTP and gRPC); the database; outbox, inbox and
bus; channels between services; the HTTP declaration layer; tokens; telemetry; settings.
"""
