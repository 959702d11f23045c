from setuptools import find_packages, setup

setup(name='lab-manometer', version='1.0', packages=find_packages())
