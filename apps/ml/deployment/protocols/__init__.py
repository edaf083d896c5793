"""Protocols that clients of other servers speak: MLflow's scoring, the Open Inference Protocol (v2), KServe v1.

Words of this folder:

- *peer*: a server whose protocol is spoken here, so that its clients work unchanged;
- *tensor*: a named array of one datatype, which is how v2 carries a column;
- *binary extension*: Triton's way to send tensors as bytes behind the JSON of a v2 body;
- *shape of errors*: each protocol has its own; `error_answer` puts any refusal into the shape that belongs to a path.

Pure modules read and write bodies; `…_routes` modules hang them on paths. Every number comes from the desk.
"""
