from dripline.core import Endpoint

__all__ = ['Manometer']


class Manometer(Endpoint):
    def on_get(self):
        return 1013.25
