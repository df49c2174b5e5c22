"""The contracts between services, generated from proto/ by `make contracts`: not edited by hand."""
