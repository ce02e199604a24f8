"""The house rules, as tests: what any change may be held to, wherever it is made."""
