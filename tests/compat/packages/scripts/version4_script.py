#!/usr/bin/env python3
"""A script of version 4: reads, sets and calls; prints what it saw as JSON."""

import json
import sys

from dripline.core import Interface

auth_file, broker, name = sys.argv[1:4]

connection = Interface(dripline_config={'auth-file': auth_file, 'broker': broker})
seen = {}

reply = connection.get(name)
seen['code'] = reply.return_code
seen['cal'] = reply.payload.to_python()['value_cal']
seen['raw'] = reply.payload['value_raw'].as_double()

connection.set(name, 80.0)
seen['after'] = connection.get(name, timeout=5000).payload['value_raw'].as_double()

called = connection.cmd(name, 'average', [1, 3], {'weight': 3}, 10000)
seen['called'] = called.payload.to_python()

# nothing is raised: a script looks at the code
refused = connection.set(name, -1)
seen['refused'] = [refused.return_code, refused.return_message]

# the same with the dict as the only argument
other = Interface({'auth-file': auth_file, 'broker': broker})
seen['specifier'] = other.get(name, 'channel').payload.to_python()

print(json.dumps(seen))
