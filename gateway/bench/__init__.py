"""Measuring the gateway from outside, over HTTP, beside a naive service that does less.

Everything runs on one machine: server, database, load generator and baseline share its processors,
so absolute figures say little elsewhere; the ratios, taken in the same run, say more. A bench
starts the servers itself, each in a process and a folder of its own, and never two at a time.
"""
