"""Configuration: files, command-line overrides, environment variables, mesh settings.

Five stages, each winning over the ones before it:

1. defaults, with `~/.dripline_mesh.yaml` in the `dripline_mesh` block;
2. the file given with `-c`, YAML or JSON;
3. `key=value` words of the command line, the key a path such as `endpoints.0.initial_value`;
4. options such as `-b` or `--password-file`;
5. `ENV{NAME}` inside any text is replaced by that environment variable.

`load.load_configuration` runs them all. A ConfigurationError has one line for each mistake, with its place and the
remedy. Nothing here imports YAML before a file is to be read.
"""
