from dripline.implementations import KeyValueStore


class GateValve(KeyValueStore):
    """Open or closed."""

    def on_set(self, value):
        KeyValueStore.on_set(self, {'open': 'OPEN', 'close': 'CLOSED'}.get(value, value))
