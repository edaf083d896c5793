"""Who may ask, how often and how much at once; and what an administrator did.

Words of this folder:

- *key*: a name with scopes that somebody proves by a secret; the database holds the secret's digest alone;
- *scope*: what a key may do: `predict`, `explain`, `outcomes` or `admin` at the model server, `evidence`, `promote` or
  `audit` at the evidence service; none holds another;
- *ring*: the valid keys, in the memory of a serving process, read again every few seconds;
- *bucket*: how many requests a key may still send now;
- *door*: lets a request in or turns it away, before anything else is done with it;
- *drain*: the door is shut for new requests, those inside are answered;
- *admin log*: what was administered, by whom; each record holds the digest of the one before it.
"""
