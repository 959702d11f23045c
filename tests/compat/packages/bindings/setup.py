from setuptools import find_namespace_packages, setup

setup(name='lab-switchboard', version='0.1', packages=find_namespace_packages(include=['dripline.extensions*']))
