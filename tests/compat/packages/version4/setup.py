from setuptools import setup

setup(
    name='lab-furnace',
    version='0.4.2',
    packages=['dripline.extensions', 'dripline.extensions.furnace'],
    install_requires=['dripline'],
)
