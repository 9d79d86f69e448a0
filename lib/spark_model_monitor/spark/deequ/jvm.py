"""Deequ's classes inside the driver's JVM: each is looked up and checked once, and then called without another lookup.

A lookup of a name through py4j (`jvm.com.amazon.deequ…`) takes 0.5 ms, a call on a class that was looked up before 0.03 ms. For
seven analyzers on a thousand columns, this is the difference between seconds and a minute (P13). Runs on the driver only.
Nothing here starts a callback server.
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

PARAMETER_COUNTS = {
    "Completeness": 3,
    "Minimum": 3,
    "Maximum": 3,
    "NumMatchesAndCount": 3,
    "MinState": 2,
    "MaxState": 2,
}
"""By analyzer or state whose constructor got more parameters in later releases: the number of arguments that we pass."""

_PROPERTIES = "META-INF/maven/com.amazon.deequ/deequ/pom.properties"

_REMEDY_TEMPLATE = (
    "start the job by ./spark-submit.sh or `spark-model-monitor submit`, which add it, "
    "or give the session {jar} before it starts"
)

_COMPILED_BY_GATEWAY: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""By py4j's gateway into a JVM: the object of the class that was compiled there."""

_VERSIONS_BY_GATEWAY: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""By py4j's gateway into a JVM whose Deequ fits its Spark: the version of that Deequ."""


class Deequ:
    """Deequ in the JVM of a session. `deequ["analyzers.Mean"]` is one of Deequ's classes, which is looked up once.

    Raises MissingDependency if Deequ's JAR or pydeequ is missing or doesn't fit.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._jvm = _get_jvm(spark)
        self._gateway: Any = spark.sparkContext._gateway
        # Before pydeequ's import, whose own error says less about what to do
        self.version = _find_fitting_version(self._gateway, spark.version)
        _import_pydeequ()
        # Stored, because most calls need it and each lookup is a call into the JVM
        self.none = self.find_class("scala.Option").apply(None)

    def __getitem__(self, name: str) -> JavaClass:
        """The Java class `com.amazon.deequ.<name>`."""
        return self.find_class(f"com.amazon.deequ.{name}")

    def find_class(self, name: str) -> JavaClass:
        """The Java class with this full name."""
        return java_class(self._gateway, name)

    def make_option(self, value: JavaObject | float | str | None) -> JavaObject:
        """The value as a Scala `Option`; Scala's None if it is None."""
        if value is None:
            return self.none
        return self.find_class("scala.Option").apply(value)

    def make_sequence(self, items: Iterable[JavaObject | str]) -> JavaObject:
        """A Scala `Seq` of Java objects or texts. A Java list is converted in one call."""
        from py4j.java_collections import JavaList
        from pydeequ.scala_utils import to_scala_seq

        return to_scala_seq(self._jvm, items if isinstance(items, JavaList) else list(items))

    def get_compiled(self, name: str, source: str) -> JavaObject:
        """An object of our only Java class, which the compiler in Spark compiles from its source.

        The class is compiled once for each JVM: it takes 30 ms, and py4j caches the methods of a class by the class's name.
        """
        if self._gateway not in _COMPILED_BY_GATEWAY:
            _COMPILED_BY_GATEWAY[self._gateway] = self._compile(name, source)
        return _COMPILED_BY_GATEWAY[self._gateway]

    def _compile(self, name: str, source: str) -> JavaObject:
        # Spark includes the compiler Janino and compiles its queries with it, so no JDK is needed
        compiler = self._jvm.org.codehaus.janino.SimpleCompiler()
        # Without this class loader, the compiled class couldn't use Deequ's classes
        compiler.setParentClassLoader(self._jvm.java.lang.Thread.currentThread().getContextClassLoader())
        compiler.cook(source)
        # py4j can't convert an empty Python list into an empty Java array
        no_types = self._gateway.new_array(self._jvm.java.lang.Class, 0)
        no_arguments = self._gateway.new_array(self._jvm.java.lang.Object, 0)
        loaded_class = compiler.getClassLoader().loadClass(name)
        return loaded_class.getDeclaredConstructor(no_types).newInstance(no_arguments)

    def make_longs(self, values: Sequence[int]) -> JavaObject:
        """A Java long[], made in one call; setting the elements one by one would need a call for each."""
        array = self._gateway.new_array(self._jvm.long, len(values))
        self.find_class("java.nio.ByteBuffer").wrap(struct.pack(f">{len(values)}q", *values)).asLongBuffer().get(array)
        return array

    def aggregate_states(self, schema: StructType, analyzers: Sequence[JavaObject], states: JavaObject) -> JavaObject:
        """Deequ's AnalyzerContext for `analyzers`, computed from `states` without a scan.

        states: an InMemoryStateProvider with the states. Grouping analyzers start a small Spark job over their frequencies.
        """
        runner = self["analyzers.runners.AnalysisRunner"]
        java_schema = self._spark._jsparkSession.parseDataType(schema.json())
        # A default value of Scala, which Java callers get only from a generated method
        storage_level = getattr(runner, "runOnAggregatedStates$default$5")()
        analysis = self["analyzers.Analysis"](self.make_sequence(analyzers))
        providers = self.make_sequence([states])
        return runner.runOnAggregatedStates(
            java_schema, analysis, providers, self.none, storage_level, self.none, self.none
        )


def list_items(sequence: JavaObject) -> list[JavaObject]:
    """The items of a Scala Seq."""
    return [sequence.apply(index) for index in range(sequence.size())]


def find_fitting_deequ(spark: SparkSession) -> str | MissingDependency:
    """The version of Deequ in a session's JVM if it fits the session's Spark; otherwise the error."""
    try:
        return Deequ(spark).version
    except MissingDependency as fault:
        return fault


def set_pydeequ_version() -> None:
    """Set the variable SPARK_VERSION, unless it is set. Without it, the import of pydeequ raises."""
    import pyspark

    os.environ.setdefault("SPARK_VERSION", find_line(pyspark.__version__).pydeequ)


def _import_pydeequ() -> None:
    """Raises MissingDependency if pydeequ is not installed or refuses the SPARK_VERSION that was set."""
    set_pydeequ_version()
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


def _describe_remedy(spark_version: str) -> str:
    coordinate = find_line(spark_version).coordinate
    if coordinate is None:
        return f"it has no release for Spark {spark_version}"
    return _REMEDY_TEMPLATE.format(jar=f"spark.jars=<path of the JAR of {coordinate}>")


def find_version_fault(deequ_version: str | None, spark_version: str) -> str | None:
    """One sentence that says why this Deequ doesn't fit this Spark, with the remedy; None if it fits.

    deequ_version: the version in Deequ's JAR, such as "2.1.0-spark-3.5"; None if the JAR doesn't say it.
    """
    match = re.match(r"\d+\.\d+\.\d+-spark-(\d+\.\d+)", deequ_version or "")
    # A fat JAR or a user's own build, whose constructors may differ from those of any release
    if match is None:
        return (
            f"the Deequ on the driver's class path has the version {deequ_version!r}, which is unknown here; "
            f"{_describe_remedy(spark_version)}"
        )
    if not spark_version.startswith(match[1] + "."):
        remedy = _describe_remedy(spark_version)
        return f"Deequ {deequ_version} is built for Spark {match[1]}, and this session runs Spark {spark_version}; {remedy}"
    return None


def _get_jvm(spark: SparkSession) -> JVMView:
    try:
        jvm: JVMView = spark._jvm
    except Exception as error:  # a session of Spark Connect raises an error of its own for this attribute
        raise MissingDependency(
            "Deequ needs a JVM beside the driver, and a Spark Connect session has none; run the job by ./spark-submit.sh"
        ) from error
    return jvm


def _find_fitting_version(gateway: JavaGateway, spark_version: str) -> str:
    """The version of the Deequ in a JVM. It is looked up once in each JVM that has a fitting Deequ.

    Raises MissingDependency if there is no fitting Deequ.
    """
    if gateway in _VERSIONS_BY_GATEWAY:
        return _VERSIONS_BY_GATEWAY[gateway]
    # If the JAR is absent, py4j returns a package instead of the class
    if is_missing(java_class(gateway, "com.amazon.deequ.analyzers.Size")):
        raise MissingDependency(f"Deequ's JAR is not on the driver's class path; {_describe_remedy(spark_version)}")
    version = _read_version(gateway.jvm)
    fault = find_version_fault(version, spark_version)
    if fault:
        raise MissingDependency(fault)
    # Checked now, because a job would fail halfway at another constructor, with a message from inside py4j
    misfits = [
        name
        for name, parameter_count in PARAMETER_COUNTS.items()
        if _count_parameters(gateway.jvm, name) != parameter_count
    ]
    if misfits:
        raise MissingDependency(
            f"Deequ {version} has another {', '.join(misfits)} than jobs are written for; {_describe_remedy(spark_version)}"
        )
    _VERSIONS_BY_GATEWAY[gateway] = str(version)
    return _VERSIONS_BY_GATEWAY[gateway]


def _count_parameters(jvm: JVMView, name: str) -> int:
    """The number of parameters of the Deequ class's constructor that has the most."""
    # The thread's class loader knows JARs that --packages added; the system's class loader doesn't
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
