"""What a script or a notebook calls, all of it by `import textsynth as ts`: the verbs of the command line."""
