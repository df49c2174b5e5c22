"""What operators see: structured logs with correlation ids (`logs`) and Prometheus metrics (`metrics`)."""
