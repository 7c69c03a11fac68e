"""Who is there: partners, their keys, and the tokens that they get."""
