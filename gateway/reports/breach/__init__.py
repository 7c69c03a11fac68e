"""The breach pack (GDPR article 33): who and what was exposed, ready to be notified."""
