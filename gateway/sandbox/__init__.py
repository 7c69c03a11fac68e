"""The outside world, made up: a synthetic population and the parties that send and pull."""
