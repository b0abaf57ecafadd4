"""The recipe: YAML to checked steps, every mistake with its line."""
