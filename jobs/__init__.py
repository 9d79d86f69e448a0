"""The jobs, as spark-submit starts them: each reads its configuration, calls the package, and ends with an exit message."""
