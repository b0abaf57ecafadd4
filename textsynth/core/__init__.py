"""What every layer uses: errors, records, the protocols of the components, options and their registry."""
