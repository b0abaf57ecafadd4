"""What a text is as characters: its normal forms, its language, personal data in it."""
