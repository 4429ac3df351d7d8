"""Walks a jaxpr in any arithmetic, and does what no arithmetic sees differently: movement, indexing, integers, order.

`walker.evaluate` is its entry point: it enters calls, loops and branches, and asks an arithmetic for everything else.
"""
