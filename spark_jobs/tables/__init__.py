"""Lake logic without Spark: manifests, metadata, commits of finished files. Nothing here imports pyspark."""
