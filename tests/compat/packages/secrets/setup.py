from setuptools import setup

setup(
    name='lab-messenger',
    version='1.1.0',
    packages=['dripline.extensions', 'dripline.extensions.messenger'],
    py_modules=['dripline.extensions.add_auth_spec'],
)
