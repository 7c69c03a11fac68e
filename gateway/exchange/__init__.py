"""What crosses the gateway: the road of one message, and the transactions that commit it."""
