"""The evidence service: what is known about model versions, and audits of anybody's decisions, over HTTP.

It stands beside the model server: that one answers quickly and knows one registry address per model; this one reads the
registry with everything that was published, moves aliases by the rules of promotion, and audits files. Products ask it
instead of the tracking store.
"""
