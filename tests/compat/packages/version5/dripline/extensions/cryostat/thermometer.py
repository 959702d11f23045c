import logging

import scarab

from dripline.core import Entity, ThrowReply, calibrate
from dripline.implementations import KeyValueStore

logger = logging.getLogger(__name__)

__all__ = ['Thermometer', 'HeaterCurrent']


def kelvin(ohms):
    return 300.0 - float(ohms) / 10


class Thermometer(Entity):
    '''A resistor whose resistance falls as it warms.

    Args:
        channel (int): input of the bridge
        resistance (float): what it starts with, in ohms
    '''

    def __init__(self, channel, resistance=100, **kwargs):
        # before the base class, as many classes do
        self.channel = channel
        self._resistance = resistance
        self.readings = 0
        Entity.__init__(self, **kwargs)

    @calibrate([kelvin])
    def on_get(self):
        self.readings += 1
        return self._resistance

    def on_set(self, value):
        if float(value) < 0:
            raise ThrowReply('service_error_invalid_value', f'{self.name}: no resistance is {value}')
        self._resistance = float(value)

    def average(self, first, second=0, weight=1):
        return (first + weight * second) / (1 + weight)

    def whereabouts(self):
        position = scarab.to_param({'channel': self.channel, 'bridge': 'A'}).as_node()
        return {'channel': position['channel'].as_int(), 'bridge': position.get_value('bridge', '?')}

    def fall_apart(self):
        return {}['no such key']


class HeaterCurrent(KeyValueStore):
    '''A store that refuses what is too much.'''

    def __init__(self, limit=5, **kwargs):
        KeyValueStore.__init__(self, **kwargs)
        self.limit = limit

    def on_set(self, value):
        if float(value) > self.limit:
            raise ThrowReply('resource_error', 'that is too hot')
        return KeyValueStore.on_set(self, value)

    def double(self):
        self._value = 2 * float(self._value)
        return self._value
