"""The model server: answers with loaded model versions over HTTP, writes every answer down, and scores files.

Words of this folder:

- *source*: where a model comes from, a registry address (`models:/<name>@<alias>`, `models:/<name>/<version>`) or a
  bundle's folder;
- *served model*: a bundle together with what the registry says about it: name, version, alias, evidence;
- *ready*: the bundle was loaded and gave exactly the recorded scores for its golden rows;
- *desk*: where every protocol hands its rows over and gets answers that were checked, scored and written down;
- *refusal*: a request that is answered with an error, in the shape of its protocol and never with the caller's values.

From top to bottom: `server` runs processes; `native` and `protocols` speak with clients, `batch` with files;
`explaining`, `tables` and `answering` do what they ask for; `traffic` and `versions` say which version answers;
`scorers` compute; `protection` and `observation` stand beside every request. `client` is for the other side and imports
none of this.
"""
