"""Messages and how they look on the wire: no socket, no thread, no clock in here."""
