"""What stands between the world and the services: the gateway."""
