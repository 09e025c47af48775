"""What takes the place of a package that a board does not have; sent to it with the codecs' code.

Never imported here: on the board `msgpack/msgpack.py` is imported as ``msgpack`` where that is missing.
Python 3.8 syntax.
"""
