"""Packages in each idiom in which laboratories wrote theirs, installed in each way and served on both brokers."""
