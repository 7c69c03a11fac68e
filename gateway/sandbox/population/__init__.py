"""The synthetic population of the programme at 31 December 2013; nobody in it exists.

`households` streams it, `population` holds the exact one, `tables` puts it beside the printed
report, `delivery` and `screening` say it as DWI would. What is printed stands in `margins`, what
is our own choice in `assumptions`, where the report contradicts itself in `contradictions`.
"""
