from setuptools import find_namespace_packages, setup

setup(
    name='lab-cryostat',
    version='2.3.1',
    packages=find_namespace_packages(include=['dripline.extensions', 'dripline.extensions.*']),
    install_requires=['dripline>=5.0'],
)
