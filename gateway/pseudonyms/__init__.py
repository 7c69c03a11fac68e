"""Persons without names: a keyed handle inside the gateway, a pseudonym of its own a recipient."""
