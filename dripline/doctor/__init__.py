"""`dl doctor`: from the installation to the services, what is well and what is the first broken link.

Each module examines one thing and tells it to `findings.Report`; `examination` puts them in order. Nothing is
changed on the mesh: exchanges are only looked at, and queues of ours end with their connection.
"""
