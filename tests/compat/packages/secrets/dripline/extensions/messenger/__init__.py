import scarab

from .messenger import Messenger

__all__ = ['Messenger', 'version']

version = scarab.VersionSemantic(1, 1, 0)
