import scarab

from dripline.core import Entity, Interface, Service

__all__ = ['Relay', 'Follower', 'Outsider']

version = scarab.VersionSemantic()
version.parse('unknown')


class Relay(Service):
    '''Asks others while it is made, before it runs.'''

    def __init__(self, source, **kwargs):
        Service.__init__(self, **kwargs)
        self.source = source
        self.first = self.get(source)['value_raw']
        # one of its own, which nobody serves yet
        self.own = [self.get(name)['value_raw'] for name in self.sync_children if name.startswith('own')]

    def on_get(self):
        return {'first': self.first, 'own': self.own, 'now': self.get(self.source)['value_raw']}


class Follower(Entity):
    '''Asks through its service when it is asked.'''

    def __init__(self, source, **kwargs):
        self.source = source
        Entity.__init__(self, **kwargs)

    def on_get(self):
        return self.service.get(self.source)

    def on_set(self, value):
        return self.service.set(self.source, value)

    def mean(self, *args, **kwargs):
        return self.service.cmd(self.source, 'average', ordered_args=list(args), keyed_args=kwargs)

    def channel(self):
        return self.service.get(self.source, specifier='channel', timeout_s=5)['values'][0]

    def siblings(self):
        return [self.service.get(name)['value_raw'] for name in self.service.sync_children if name[:3] == 'own']


class Outsider(Entity):
    '''Has a connection of its own, made with the endpoint.'''

    def __init__(self, source, **kwargs):
        Entity.__init__(self, **kwargs)
        self.source = source
        self.connection = Interface()
        self.first = self.connection.get(source)['value_raw']

    def on_get(self):
        return {'first': self.first, 'now': Interface().get(self.source)['value_raw']}

    def on_set(self, value):
        self.connection.set(self.source, value)
