from datetime import datetime, timedelta

from dripline.core import Entity, calibrate


class Ticker(Entity):
    '''Counts on its own, and stops when told.'''

    def __init__(self, every=0.2, **kwargs):
        self.every = timedelta(seconds=every)
        self.count = 0
        self._task = None
        Entity.__init__(self, **kwargs)

    @calibrate
    def on_get(self):
        return self.count

    def tick(self):
        self.count += 1

    def begin(self):
        start = datetime.now() + self.service.execution_buffer * 3
        self._task = self.service.schedule(self.tick, self.every, start)
        return self._task is not None

    def end(self):
        self.service.unschedule(self._task)
        return self.count
