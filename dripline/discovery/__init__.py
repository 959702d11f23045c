"""From the name of a class in a configuration to the class: extensions found, checked and imported."""
