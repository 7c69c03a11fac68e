"""What may be said: the privacy protocol, decisions, minimisation, and the consent register."""
