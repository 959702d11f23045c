from setuptools import find_namespace_packages, setup

setup(name='lab-supplies', version='2.0', packages=find_namespace_packages(include=['dripline.extensions.*']))
