import logging
import os

from dripline.core import Entity, Service, calibrate

logger = logging.getLogger(__name__)

HERE = os.path.dirname(os.path.abspath(__file__))


class Heater(Entity):
    def __init__(self, power=1, **kwargs):
        Entity.__init__(self, **kwargs)
        self._power = power

    @calibrate()
    def on_get(self):
        return self._power

    def on_set(self, power):
        self._power = power


class HeaterService(Service):
    def sum(self):
        return sum(child._power for child in self.sync_children.values())

    def folder(self):
        return os.path.basename(HERE)
