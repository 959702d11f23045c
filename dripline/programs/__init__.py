"""What the commands run, without click: sessions, services, child processes, signals, logs."""
