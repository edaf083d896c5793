"""The way back from a version, as nodes and edges."""

from collections.abc import Mapping
from typing import Any

from apps.ml.evidence_service.registry.published_runs import PublishedRun
from apps.ml.evidence_service.registry.shapes import LineageEdge, LineageGraph, LineageNode
from apps.ml.evidence_service.registry.version_details import registration_of
from apps.ml.evidence_service.registry.version_reading import NO_FACT
from apps.ml.experiments.lineage import lineage_of
from apps.ml.experiments.registry import Version
from apps.ml.experiments.tracking import TrackingStore

SHORT = 12


def graph_of(store: TrackingStore, version: Version, run: PublishedRun | None) -> LineageGraph:
    """Return what leads from a version back to its origin; of one that came without a run, itself."""
    graph = _Graph()
    graph.add_version(version)
    if run is not None and registration_of(run):
        found = lineage_of(store, version)
        graph.add_run(found, run.estimator)
        graph.add_data(found)
        graph.add_findings(found)
    return LineageGraph(nodes=list(graph.nodes.values()), edges=graph.edges)


class _Graph:
    """Nodes by id and edges between them; what is not known gets no node."""

    def __init__(self) -> None:
        self.nodes: dict[str, LineageNode] = {}
        self.edges: list[LineageEdge] = []
        self._version = self._run = ""

    def add_version(self, version: Version) -> None:
        model = self._node("model", version.name, version.name)
        facts = {"aliases": list(version.aliases), "verdict": version.verdict}
        self._version = self._node("version", f"{version.name}/{version.number}", f"version {version.number}", **facts)
        self._edge(self._version, "version_of", model)

    def add_run(self, found: Mapping[str, Any], estimator: str | None) -> None:
        """Add the run, its commit and the version that this one was compared with."""
        run_id = str(found["run_id"])
        facts = {"experiments": found["experiments"], "fingerprint": found["fingerprint"], "estimator": estimator}
        self._run = self._node("run", run_id, f"run {run_id[:SHORT]}", **facts)
        self._edge(self._version, "made_by", self._run)
        facts = {"dirty": found["dirty"], "dvc_lock": found["dvc_lock"]}
        self._below(self._run, "built_from", "commit", found["commit"], facts)
        promotion = found["promotion"]
        if promotion["compared_with"] not in (None, NO_FACT):
            number, facts = promotion["compared_with"], {"verdict": promotion["champion_comparison"]}
            other = self._node("version", f"{found['model']}/{number}", f"version {number}")
            self.nodes[self._version].facts.update(champion_comparison=facts["verdict"])
            self._edge(self._version, "compared_with", other)

    def add_data(self, found: Mapping[str, Any]) -> None:
        """Add the source, the processed rows, the splits and the bundle that was fitted to them."""
        data = found["data"]
        processed = self._below(self._run, "used", "data", data["processed"], {})
        for name, split in data["rows"].items():
            at = self._below(self._run, "read", "split", split["digest"], {"rows": split["rows"]}, f"{name} rows")
            if at is not None and processed is not None:
                self._edge(at, "part_of", processed)
        self._below(processed or self._run, "prepared_from", "source", data["source"], {})
        bundle = self._below(self._run, "produced", "bundle", found["bundle"], {"outputs": found["outputs"]})
        if bundle is not None:
            self._edge(self._version, "holds", bundle)

    def add_findings(self, found: Mapping[str, Any]) -> None:
        """Add the evidence and the gates that judged it."""
        evidence = self._below(self._version, "shown_by", "evidence", found["evidence"], {})
        for name, gate in found["gates"].items():
            facts = {"verdict": gate["verdict"], "reason": gate.get("reason")}
            node = self._node("gate", f"{found['model']}/{found['version']}/{name}", name, **facts)
            self._edge(node, "judged", evidence or self._version)

    def _below(
        self, above: str, relation: str, kind: Any, name: str | None, facts: dict[str, Any], label: str = ""
    ) -> str | None:
        """Add a node that another leads to, where its name is known."""
        if name in (None, NO_FACT):
            return None
        node = self._node(kind, str(name), label or f"{kind} {str(name)[:SHORT]}", digest=name, **facts)
        self._edge(above, relation, node)
        return node

    def _node(self, kind: Any, name: str, label: str, **facts: Any) -> str:
        found = LineageNode(id=f"{kind}:{name}", kind=kind, label=label, facts=facts)
        self.nodes.setdefault(found.id, found)
        return found.id

    def _edge(self, source: str, relation: str, target: str) -> None:
        edge = LineageEdge(source=source, target=target, relation=relation)
        if edge not in self.edges:
            self.edges.append(edge)
