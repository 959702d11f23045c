"""Finds the class for a class name: installed extensions, built-in classes, single files."""
