"""`dl doctor`: examines installation, configuration, broker and services, in this order.

`run` puts the examinations in order, and each records its findings in `report.Report`. Nothing is changed on the
mesh: exchanges are only looked at, and queues of ours end with their connection.
"""
