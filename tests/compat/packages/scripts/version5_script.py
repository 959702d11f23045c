"""A script of version 5: plain Python comes back, and errors are raised."""

import json
import sys

import scarab
from dripline.core import Interface, MsgRequest, op_t

name = sys.argv[1]

connection = Interface(username='guest', password={'value': 'guest'}, dripline_mesh={}, timeout_s=5)
seen = {'cal': connection.get(name)['value_cal']}
connection.set(name, 70)
seen['after'] = connection.get(name)['value_raw']
seen['called'] = connection.cmd(name, 'average', [1, 3], {'weight': 3})
try:
    connection.set(name, -1)
except Exception as error:
    seen['refused'] = str(error)

seen['printed'] = str(MsgRequest.create(scarab.to_param({'values': [1]}), op_t.set, name)).splitlines()[0]
print(json.dumps(seen))
