"""From files, words, options and the environment to the settings of a program.

Five stages, each winning over the ones before it:

1. defaults, with `~/.dripline_mesh.yaml` in the `dripline_mesh` block;
2. the file given with `-c`, YAML or JSON;
3. `key=value` words of the command line, the key a path such as `endpoints.0.initial_value`;
4. options such as `-b` or `--password-file`;
5. `ENV{NAME}` inside any text is replaced by that environment variable.

`assemble` runs them all. Every mistake is a ConfigurationError of one line for each thing wrong, which names where
it stands and what to do. Nothing here imports YAML before a file is to be read.
"""
