"""`stoa <command>`: one file per command, listed in the table of `main`.

A command module has `add_arguments(parser)` and `async def run(arguments, console)`. What it expects to
go wrong it raises as `Failure`: one line on stderr, exit status 1. Ctrl-C and SIGTERM cancel it, so its
`finally` blocks are how everything is stopped.
"""
