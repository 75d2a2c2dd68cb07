"""The gateway: where the stations' sockets are accepted, identified, kept alive and bounded."""
