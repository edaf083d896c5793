"""The product's API: decisions, bias tests, models with their evidence, promotions, people.

It knows models only over HTTP, through the model server and the evidence service, and needs no package of machine
learning. Words of this folder:

- *organisation*: whom rows belong to; nobody sees another's;
- *caller*: who asks, a user or a service key, always of one organisation and in one role;
- *decision*: what was answered to one application, with its reasons, version and evidence; appeals and overrules stand
  beside it and never replace it;
- *upstream*: a service that this one asks: the model server, the evidence service, the governance store;
- *problem*: how a request is refused (RFC 9457).

From top to bottom: `application` puts the parts together; `decisions`, `bias_tests`, `models`, `governance`, `people`
and `operation` are what it does; `audit_log` writes down who did it; `access` says who may; `identity`, `protection`,
`upstreams`, `storage` and `observation` are below.
"""
