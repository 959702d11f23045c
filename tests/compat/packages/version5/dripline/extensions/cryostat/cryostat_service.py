from dripline.core import Service

__all__ = ['Cryostat']


class Cryostat(Service):
    '''A service that knows its endpoints by name.'''

    def __init__(self, coolant='helium', **kwargs):
        Service.__init__(self, **kwargs)
        self.coolant = coolant
        # the children are there and know their service before this line runs
        self.found = [name for name, child in self.sync_children.items() if child.service is self]

    def on_get(self):
        return {'coolant': self.coolant, 'found': self.found}

    def refill(self, litres, coolant=None):
        if coolant is not None:
            self.coolant = coolant
        return f'{litres} l of {self.coolant}'
