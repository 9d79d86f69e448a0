"""Deequ's classes inside the driver's JVM: looked up and checked once, and called without another lookup.

A name looked up through py4j (`jvm.com.amazon.deequ…`) costs half a millisecond, a call on a bound class three
hundredths; with seven analyzers on a thousand columns that is the difference between seconds and a minute (P13). Driver
only. Nothing here starts a callback server.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.spark.launch.java import line_of
from spark_model_monitor.spark.storage import is_missing, java_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

PARAMETERS = {"Completeness": 3, "Minimum": 3, "Maximum": 3, "NumMatchesAndCount": 3, "MinState": 2, "MaxState": 2}
"""Deequ's analyzers and states that gained parameters -> how many `evaluation.py` passes to their constructors."""

_PROPERTIES = "META-INF/maven/com.amazon.deequ/deequ/pom.properties"

_REMEDY = (
    "start the job by ./spark-submit.sh or `spark-model-monitor submit`, which add it, "
    "or give the session {jar} before it starts"
)

_COMPILED: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()
"""py4j's gateway into a JVM -> objects of classes that were compiled there, by name."""

_FITTING: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""py4j's gateway into a JVM whose Deequ fits its Spark -> the version of that Deequ."""


class Deequ:
    """Deequ in one session's JVM. `deequ["analyzers.Mean"]` is one of its classes, looked up once.

    Raises MissingDependency if Deequ's JAR, or pydeequ, is missing or does not fit.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._jvm = _jvm_of(spark)
        self._gateway: Any = spark.sparkContext._gateway
        self.version = _fitting_version(self._gateway, spark.version)
        _import_pydeequ()
        self.none = self.java("scala.Option").apply(None)

    def __getitem__(self, name: str) -> Any:
        """The Java class `com.amazon.deequ.<name>`."""
        return self.java(f"com.amazon.deequ.{name}")

    def java(self, name: str) -> Any:
        """Any other Java class by its full name."""
        return java_class(self._gateway, name)

    def option(self, value: Any) -> Any:
        """Scala's `Option`: None for None."""
        if value is None:
            return self.none
        return self.java("scala.Option").apply(value)

    def sequence(self, items: Iterable[Any]) -> Any:
        """Scala's `Seq` of Java objects or texts; for a Java list in one call."""
        from py4j.java_collections import JavaList
        from pydeequ.scala_utils import to_scala_seq

        return to_scala_seq(self._jvm, items if isinstance(items, JavaList) else list(items))

    def compiled(self, name: str, source: str) -> Any:
        """An object of the Java class of this name, which is compiled from its source by the compiler that Spark includes.

        Once for each JVM: it takes 30 ms, and py4j caches the methods of a class by the class's name.
        """
        objects = _COMPILED.setdefault(self._gateway, {})
        if name not in objects:
            objects[name] = self._compiled(name, source)
        return objects[name]

    def _compiled(self, name: str, source: str) -> Any:
        compiler = self._jvm.org.codehaus.janino.SimpleCompiler()
        compiler.setParentClassLoader(self._jvm.java.lang.Thread.currentThread().getContextClassLoader())
        compiler.cook(source)
        no_types = self._gateway.new_array(self._jvm.java.lang.Class, 0)
        no_arguments = self._gateway.new_array(self._jvm.java.lang.Object, 0)
        found = compiler.getClassLoader().loadClass(name)
        return found.getDeclaredConstructor(no_types).newInstance(no_arguments)

    def longs(self, values: Sequence[int]) -> Any:
        """A Java long[]; in one call, where setting each element would be one call per element."""
        array = self._gateway.new_array(self._jvm.long, len(values))
        self.java("java.nio.ByteBuffer").wrap(struct.pack(f">{len(values)}q", *values)).asLongBuffer().get(array)
        return array

    def aggregated(self, schema: StructType, analyzers: Sequence[Any], states: Any) -> Any:
        """Deequ's AnalyzerContext for `analyzers`, computed from the `states` that were persisted; no scan.

        states: an InMemoryStateProvider. Grouping analyzers start a small Spark job over their frequencies.
        """
        runner = self["analyzers.runners.AnalysisRunner"]
        java_schema = self._spark._jsparkSession.parseDataType(schema.json())
        storage_level = getattr(runner, "runOnAggregatedStates$default$5")()
        analysis = self["analyzers.Analysis"](self.sequence(analyzers))
        providers = self.sequence([states])
        return runner.runOnAggregatedStates(
            java_schema, analysis, providers, self.none, storage_level, self.none, self.none
        )


def items_of(sequence: Any) -> list[Any]:
    """The items of a Scala Seq."""
    return [sequence.apply(index) for index in range(sequence.size())]


def fitting_deequ(spark: SparkSession) -> str | MissingDependency:
    """The version of the Deequ in a session's JVM that fits its Spark; the error if there is none."""
    try:
        return Deequ(spark).version
    except MissingDependency as fault:
        return fault


def name_line_to_pydeequ() -> None:
    """Set SPARK_VERSION, without which the import of pydeequ raises, unless it is set."""
    import pyspark

    os.environ.setdefault("SPARK_VERSION", line_of(pyspark.__version__).pydeequ)


def _import_pydeequ() -> None:
    """Raises MissingDependency if it is not installed or refuses the SPARK_VERSION that was set."""
    name_line_to_pydeequ()
    try:
        import pydeequ  # noqa: F401
    except ImportError as error:
        raise MissingDependency(
            f"pydeequ can't be imported ({error}); `pip install 'spark-model-monitor[spark]'` into the driver's Python"
        ) from error
    except RuntimeError as error:
        raise MissingDependency(
            f"SPARK_VERSION is {os.environ['SPARK_VERSION']!r}, which pydeequ refuses; leave it unset"
        ) from error


def _remedy(spark_version: str) -> str:
    coordinate = line_of(spark_version).coordinate
    if coordinate is None:
        return f"it has no release for Spark {spark_version}"
    return _REMEDY.format(jar=f"spark.jars=<path of the JAR of {coordinate}>")


def fault_of_version(deequ_version: str | None, spark_version: str) -> str | None:
    """What is wrong with this Deequ for this Spark, in one sentence with the remedy, or None.

    deequ_version: as its JAR has it, "2.1.0-spark-3.5"; None if the JAR does not say.
    """
    match = re.match(r"\d+\.\d+\.\d+-spark-(\d+\.\d+)", deequ_version or "")
    if match is None:
        return (
            f"the Deequ on the driver's class path has the version {deequ_version!r}, which is unknown here; "
            f"{_remedy(spark_version)}"
        )
    if not spark_version.startswith(match[1] + "."):
        remedy = _remedy(spark_version)
        return f"Deequ {deequ_version} is built for Spark {match[1]}, and this session runs Spark {spark_version}; {remedy}"
    return None


def _jvm_of(spark: SparkSession) -> Any:
    try:
        jvm: Any = spark._jvm
    except Exception as error:  # Spark Connect's session raises its own error for an attribute that it does not have
        raise MissingDependency(
            "Deequ needs a JVM beside the driver, and a Spark Connect session has none; run the job by ./spark-submit.sh"
        ) from error
    return jvm


def _fitting_version(gateway: Any, spark_version: str) -> str:
    """The version of a Deequ that fits; looked up once in each JVM that has one.

    Raises MissingDependency if there is none.
    """
    if gateway in _FITTING:
        return _FITTING[gateway]
    if is_missing(java_class(gateway, "com.amazon.deequ.analyzers.Size")):
        raise MissingDependency(f"Deequ's JAR is not on the driver's class path; {_remedy(spark_version)}")
    version = _version_of(gateway.jvm)
    fault = fault_of_version(version, spark_version)
    if fault:
        raise MissingDependency(fault)
    lacking = [name for name, wanted in PARAMETERS.items() if _parameters_of(gateway.jvm, name) != wanted]
    if lacking:
        raise MissingDependency(
            f"Deequ {version} has another {', '.join(lacking)} than jobs are written for; {_remedy(spark_version)}"
        )
    _FITTING[gateway] = str(version)
    return _FITTING[gateway]


def _parameters_of(jvm: Any, name: str) -> int:
    """The number of parameters of a Deequ class's widest constructor."""
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    found = loader.loadClass(f"com.amazon.deequ.analyzers.{name}")
    return max(int(constructor.getParameterCount()) for constructor in found.getConstructors())


def _version_of(jvm: Any) -> str | None:
    """The version that Deequ's JAR was built as, read from its Maven properties."""
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    stream = loader.getResourceAsStream(_PROPERTIES)
    if stream is None:
        return None
    try:
        properties = jvm.java.util.Properties()
        properties.load(stream)
        version: str | None = properties.getProperty("version")
    finally:
        stream.close()
    return version
