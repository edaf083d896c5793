"""Throughput and latency of the model server beside what users would pick instead.

- *contender*: a server that answers the cases of this benchmark as a process of its own;
- *case*: one body, sent again and again over so many connections;
- *round*: every contender is started, checked, warmed up, timed and stopped once, the order turned by one each round.
"""
