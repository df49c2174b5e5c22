"""Stoa: a complete commerce platform. One code base, one process or many.

Start reading at `stoa.app`: the whole system on one page.
"""

__version__ = "0.1.0"
