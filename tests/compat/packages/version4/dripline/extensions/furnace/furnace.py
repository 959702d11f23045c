import dripline
from dripline.core import *
from dripline.implementations import *

__all__ = ['Furnace', 'FurnaceService']


class Furnace(Entity):
    def __init__(self, temperature=20, **kwargs):
        self._temperature = temperature
        dripline.core.Entity.__init__(self, **kwargs)

    @calibrate()
    def on_get(self):
        return self._temperature

    def on_set(self, value):
        if value == 'melt':
            # no return code was ever called so
            raise ThrowReply('DriplineGenericDAQError', 'it would melt')
        self._temperature = value

    def open_door(self):
        raise ThrowReply('the door is locked')

    def blow_fuse(self):
        raise ThrowReply('message_error_invalid_method', 'there is no fuse')


class FurnaceService(Service):
    def __init__(self, keys=None, **kwargs):
        kwargs.update({'keys': keys})
        Service.__init__(self, **kwargs)

    def whoami(self):
        return '{} v{} of {}'.format(self.name, get_version('furnace').version, ', '.join(self.sync_children))
