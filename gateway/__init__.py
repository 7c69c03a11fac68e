"""The gateway: who may pass, in which order, and what is recorded of it."""
