"""`dl doctor`: from the installation to the services, what is well and what is the first broken link.

`run` puts the examinations in order, and each records its findings in `report.Report`. Nothing is changed on the
mesh: exchanges are only looked at, and queues of ours end with their connection.
"""
