"""Products as files: what is exported, and what comes in from a file of ours or of another shop. Pure.

A file is CSV, a line for each variant, or JSON lines, one for each product. What a file of ours says, read again,
changes nothing: each cell and each line reads back as what was written.
"""
