from setuptools import setup

# no __init__.py above it: found as part of a namespace by Python itself
setup(name='lab-relay', version='5.0.0.post1', packages=['dripline.extensions.relay'])
