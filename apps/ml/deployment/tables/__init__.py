"""Tables as bodies of requests: CSV, Parquet and Arrow become the same typed frame that JSON records become.

Words of this folder: a *given column* is what a body holds under one name, before anybody asked whether it fits; a
table is *unpacked* when it is decompressed. A body may not unpack to more than the largest body that is taken, so that
a small one cannot fill the memory.
"""
