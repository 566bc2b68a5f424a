"""The soak: devices and a reliable pipeline for so many minutes, while those around them join, leave, are killed and cut off.

`make soak` runs it. Whoever sends counts in a file what it sends, whoever receives writes down each number that it gets, and files
outlive whoever is killed: in the end every message has to be either delivered, or dropped by a rule that has a name.
"""
