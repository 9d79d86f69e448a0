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
from spark_model_monitor.spark.launch.java import find_line
from spark_model_monitor.spark.storage import is_missing, java_class

if TYPE_CHECKING:
    from py4j.java_gateway import JavaClass, JavaGateway, JavaObject, JVMView
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
        self._jvm = _get_jvm(spark)
        self._gateway: Any = spark.sparkContext._gateway
        # Before pydeequ's import, whose own error says less about what to do
        self.version = _find_fitting_version(self._gateway, spark.version)
        _import_pydeequ()
        # Kept, as most calls take it and each lookup is a call into the JVM
        self.none = self.java("scala.Option").apply(None)

    def __getitem__(self, name: str) -> JavaClass:
        """The Java class `com.amazon.deequ.<name>`."""
        return self.java(f"com.amazon.deequ.{name}")

    def java(self, name: str) -> JavaClass:
        """Any other Java class by its full name."""
        return java_class(self._gateway, name)

    def option(self, value: JavaObject | float | str | None) -> JavaObject:
        """Scala's `Option`: None for None."""
        if value is None:
            return self.none
        return self.java("scala.Option").apply(value)

    def sequence(self, items: Iterable[JavaObject | str]) -> JavaObject:
        """Scala's `Seq` of Java objects or texts; for a Java list in one call."""
        from py4j.java_collections import JavaList
        from pydeequ.scala_utils import to_scala_seq

        return to_scala_seq(self._jvm, items if isinstance(items, JavaList) else list(items))

    def compiled(self, name: str, source: str) -> JavaObject:
        """An object of the Java class of this name, which is compiled from its source by the compiler that Spark includes.

        Once for each JVM: it takes 30 ms, and py4j caches the methods of a class by the class's name.
        """
        objects = _COMPILED.setdefault(self._gateway, {})
        if name not in objects:
            objects[name] = self._compiled(name, source)
        return objects[name]

    def _compiled(self, name: str, source: str) -> JavaObject:
        # Janino comes with Spark, which compiles its queries by it, so no JDK is needed
        compiler = self._jvm.org.codehaus.janino.SimpleCompiler()
        # Without it the compiled class would not see Deequ's classes
        compiler.setParentClassLoader(self._jvm.java.lang.Thread.currentThread().getContextClassLoader())
        compiler.cook(source)
        # py4j makes no empty Java array out of an empty Python list
        no_types = self._gateway.new_array(self._jvm.java.lang.Class, 0)
        no_arguments = self._gateway.new_array(self._jvm.java.lang.Object, 0)
        loaded_class = compiler.getClassLoader().loadClass(name)
        return loaded_class.getDeclaredConstructor(no_types).newInstance(no_arguments)

    def longs(self, values: Sequence[int]) -> JavaObject:
        """A Java long[]; in one call, where setting each element would be one call per element."""
        array = self._gateway.new_array(self._jvm.long, len(values))
        self.java("java.nio.ByteBuffer").wrap(struct.pack(f">{len(values)}q", *values)).asLongBuffer().get(array)
        return array

    def aggregated(self, schema: StructType, analyzers: Sequence[JavaObject], states: JavaObject) -> JavaObject:
        """Deequ's AnalyzerContext for `analyzers`, computed from the `states` that were persisted; no scan.

        states: an InMemoryStateProvider. Grouping analyzers start a small Spark job over their frequencies.
        """
        runner = self["analyzers.runners.AnalysisRunner"]
        java_schema = self._spark._jsparkSession.parseDataType(schema.json())
        # A Scala default, which Java callers get only by its generated method
        storage_level = getattr(runner, "runOnAggregatedStates$default$5")()
        analysis = self["analyzers.Analysis"](self.sequence(analyzers))
        providers = self.sequence([states])
        return runner.runOnAggregatedStates(
            java_schema, analysis, providers, self.none, storage_level, self.none, self.none
        )


def list_items(sequence: JavaObject) -> list[JavaObject]:
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

    os.environ.setdefault("SPARK_VERSION", find_line(pyspark.__version__).pydeequ)


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
    coordinate = find_line(spark_version).coordinate
    if coordinate is None:
        return f"it has no release for Spark {spark_version}"
    return _REMEDY.format(jar=f"spark.jars=<path of the JAR of {coordinate}>")


def find_version_fault(deequ_version: str | None, spark_version: str) -> str | None:
    """What is wrong with this Deequ for this Spark, in one sentence with the remedy, or None.

    deequ_version: as its JAR has it, "2.1.0-spark-3.5"; None if the JAR does not say.
    """
    match = re.match(r"\d+\.\d+\.\d+-spark-(\d+\.\d+)", deequ_version or "")
    # A fat JAR or a build of one's own; its constructors may be anything
    if match is None:
        return (
            f"the Deequ on the driver's class path has the version {deequ_version!r}, which is unknown here; "
            f"{_remedy(spark_version)}"
        )
    if not spark_version.startswith(match[1] + "."):
        remedy = _remedy(spark_version)
        return f"Deequ {deequ_version} is built for Spark {match[1]}, and this session runs Spark {spark_version}; {remedy}"
    return None


def _get_jvm(spark: SparkSession) -> JVMView:
    try:
        jvm: JVMView = spark._jvm
    except Exception as error:  # Spark Connect's session raises its own error for an attribute that it does not have
        raise MissingDependency(
            "Deequ needs a JVM beside the driver, and a Spark Connect session has none; run the job by ./spark-submit.sh"
        ) from error
    return jvm


def _find_fitting_version(gateway: JavaGateway, spark_version: str) -> str:
    """The version of a Deequ that fits; looked up once in each JVM that has one.

    Raises MissingDependency if there is none.
    """
    if gateway in _FITTING:
        return _FITTING[gateway]
    # py4j finds a package, not a class, where the JAR is absent
    if is_missing(java_class(gateway, "com.amazon.deequ.analyzers.Size")):
        raise MissingDependency(f"Deequ's JAR is not on the driver's class path; {_remedy(spark_version)}")
    version = _read_version(gateway.jvm)
    fault = find_version_fault(version, spark_version)
    if fault:
        raise MissingDependency(fault)
    # Checked beforehand: with another constructor a job would fail halfway, by a message from inside py4j
    lacking = [
        name for name, parameter_count in PARAMETERS.items() if _count_parameters(gateway.jvm, name) != parameter_count
    ]
    if lacking:
        raise MissingDependency(
            f"Deequ {version} has another {', '.join(lacking)} than jobs are written for; {_remedy(spark_version)}"
        )
    _FITTING[gateway] = str(version)
    return _FITTING[gateway]


def _count_parameters(jvm: JVMView, name: str) -> int:
    """The number of parameters of a Deequ class's widest constructor."""
    # The thread's loader and not the system's: it knows JARs that --packages added
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    analyzer_class = loader.loadClass(f"com.amazon.deequ.analyzers.{name}")
    return max(int(constructor.getParameterCount()) for constructor in analyzer_class.getConstructors())


def _read_version(jvm: JVMView) -> str | None:
    """The version that Deequ's JAR was built as, read from its Maven properties."""
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    # Maven writes this file into every JAR that it builds
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
