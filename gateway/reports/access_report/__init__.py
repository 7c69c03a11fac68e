"""The monthly review of the access log (NEN 7513): what an officer looks at, and signs for."""
