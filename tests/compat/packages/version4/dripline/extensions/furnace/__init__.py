import pkg_resources
import scarab

a_ver = '0.0.0'
try:
    a_ver = pkg_resources.get_distribution('lab-furnace').version
except pkg_resources.DistributionNotFound:
    pass

version = scarab.VersionSemantic()
version.parse(a_ver)
version.package = 'lab-furnace'
version.commit = '---'

from .furnace import *
