"""The servers that drills run on, for measurements and tests too."""

from scheduler.drill.servers import PostgresServer, ValkeyServer, free_port, wait_until

__all__ = ["PostgresServer", "ValkeyServer", "free_port", "wait_until"]
