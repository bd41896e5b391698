"""Images put through a detector on one machine, without a service."""
