"""What turns services into running processes: database server, roles, topology, process, supervisor."""
