"""Text utilities without models: normal forms and words, language codes, personal data."""
