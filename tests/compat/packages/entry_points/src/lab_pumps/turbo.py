from dripline.core import Entity


class VacuumPump(Entity):
    """A pump that spins up in steps."""

    def __init__(self, speed: int = 0, **kwargs) -> None:
        Entity.__init__(self, **kwargs)
        self.speed = speed

    def on_get(self):
        return {'value_raw': self.speed}

    def on_set(self, value):
        self.speed = int(value)
