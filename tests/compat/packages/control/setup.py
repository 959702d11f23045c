from setuptools import setup

setup(
    name='lab-control',
    version='0.9.0rc1',
    packages=['dripline.extensions', 'dripline.extensions.control'],
)
