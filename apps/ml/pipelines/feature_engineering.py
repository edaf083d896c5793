"""Stage 2: fit the feature transformer on the training rows and encode every split with it."""

from apps.ml.artifact_paths import SPLITS, ArtifactPaths
from apps.ml.data.processed import ProcessedSchema, read_schema, read_split
from apps.ml.features.safe_objects import write_object
from apps.ml.features.specification import feature_specification, input_columns
from apps.ml.features.tables import TRANSFORMER_FILE, FeatureSchema, write_feature_schema, write_features
from apps.ml.features.transformer import FeatureTransformer
from apps.ml.parameters import FeatureEngineering, read_parameters
from apps.ml.pipelines.stage import run_stage


def main(paths: ArtifactPaths = ArtifactPaths()) -> None:  # noqa: B008 - frozen
    """Write the fitted transformer, its schema and the encoded splits; nothing is written if anything fails."""
    parameters = read_parameters(paths.parameters).feature_engineering
    splits = {name: read_split(paths.processed, name) for name in SPLITS}
    schema = read_schema(paths.processed)
    transformer = FeatureTransformer(feature_specification(parameters, schema).to_dict())
    train = splits["train"]
    encoded = {"train": transformer.fit_transform(train.features, train.labels)}
    encoded |= {name: transformer.transform(split.features) for name, split in splits.items() if name != "train"}
    for name, matrix in encoded.items():
        write_features(paths.features, name, matrix, transformer.feature_names_)
    write_object(paths.features / TRANSFORMER_FILE, transformer)
    write_feature_schema(paths.features, _schema(parameters, schema, transformer))


def _schema(parameters: FeatureEngineering, schema: ProcessedSchema, transformer: FeatureTransformer) -> FeatureSchema:
    return FeatureSchema(
        columns=input_columns(parameters, schema),
        feature_names=transformer.feature_names_,
        feature_sources=transformer.feature_sources_,
        uses_sensitive=transformer.specification["uses_sensitive"],
    )


if __name__ == "__main__":
    run_stage(main)
