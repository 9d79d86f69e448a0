"""The spark-submit command of a clone and of an installed wheel, without starting it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from spark_model_monitor.errors import BadConfiguration, MissingDependency
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.spark import drop_spark_archives
from spark_model_monitor.spark.launch.class_archive import ClassArchive
from spark_model_monitor.spark.launch.java import find_java, find_spark_home
from spark_model_monitor.spark.launch.request import read_properties, read_request, spark_settings, split_options
from spark_model_monitor.spark.launch.spark_command import Submission, build_submission, shell_variables

ROOT = Path(__file__).resolve().parents[3]
DISTUTILS = {"SETUPTOOLS_USE_DISTUTILS": "stdlib"} if sys.version_info < (3, 12) else {}
"""Python 3.12 has no distutils but setuptools' own."""


@pytest.fixture
def clone(tmp_path):
    """A clone in a folder with a blank in its name."""
    return tree(tmp_path / "my clone", package="lib/spark_model_monitor", jobs="jobs", conf="conf")


@pytest.fixture
def wheel(tmp_path):
    """The same, as pip installs it."""
    top = "site-packages/spark_model_monitor"
    return tree(tmp_path / "venv", package=top, jobs=f"{top}/jobs", conf=f"{top}/conf")


@pytest.fixture
def environment(tmp_path):
    """A Spark 3.5, a Java 17 and a JAR, all of them empty."""
    for name in (
        "spark/bin/spark-submit",
        "spark/jars/spark-core_2.12-3.5.9.jar",
        "spark/conf/x",
        "jdk/bin/java",
        "d.jar",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    (tmp_path / "jdk" / "release").write_text('JAVA_VERSION="17.0.1"\n')
    return {
        "SPARK_HOME": str(tmp_path / "spark"),
        "JAVA_HOME": str(tmp_path / "jdk"),
        "MODEL_MONITOR_DEEQU_JAR": str(tmp_path / "d.jar"),
        "MODEL_MONITOR_CACHE": str(tmp_path / "a cache"),
    }


def tree(root: Path, *, package: str, jobs: str, conf: str) -> Layout:
    for folder, name in (
        (package, "__init__.py"),
        (jobs, "baseline.py"),
        (jobs, "__init__.py"),
        (conf, "log4j2.properties"),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).write_text(name)
    (root / conf / "spark-defaults.conf").write_text("spark.ui.enabled  false\n")
    return Layout.of(root / package)


def command(layout: Layout, environment: dict[str, str], *arguments: str, cwd: Path | None = None) -> Submission:
    request = read_request(arguments)
    assert request is not None
    return build_submission(request, layout, environment, cwd or layout.root)


def after(submission: Submission, option: str) -> str:
    return submission.command[submission.command.index(option) + 1]


def test_a_local_run_of_a_clone_word_for_word(clone, environment, tmp_path):
    submission = command(clone, environment, "jobs/baseline.py", "--dataset-source", "my data.csv")

    assert submission.command == [
        *(f"{tmp_path}/spark/bin/spark-submit", "--master", "local[*]", "--name", "spark-model-monitor baseline"),
        *("--driver-memory", "2g", "--conf", "spark.ui.enabled=false", "--conf", "spark.ui.showConsoleProgress=false"),
        *("--conf", "spark.locality.wait=0"),
        *("--jars", f"{tmp_path}/d.jar"),
        *(f"{tmp_path}/my clone/jobs/baseline.py", "--dataset-source", "my data.csv"),
    ]
    assert submission.variables == {
        "SPARK_HOME": f"{tmp_path}/spark",
        "JAVA_HOME": f"{tmp_path}/jdk",
        **DISTUTILS,
        "SPARK_SUBMIT_OPTS": f"-Dlog4j2.configurationFile=file://{tmp_path}/my%20clone/conf/log4j2.properties "
        "-XX:Tier4InvocationThreshold=200000 -XX:Tier4MinInvocationThreshold=24000 "
        "-XX:Tier4CompileThreshold=600000 -XX:Tier4BackEdgeThreshold=1600000 -XX:+UseParallelGC",
        "PYTHONPATH": f"{tmp_path}/my clone/lib",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def test_a_job_gets_the_archive_of_sparks_classes_unless_the_user_has_one(clone, environment):
    archive = ClassArchive.of(find_java(environment), find_spark_home(environment), environment)
    archive.folder.mkdir(parents=True)
    archive.path.touch()

    option = f"-XX:SharedArchiveFile={archive.path}"
    assert option in shlex.split(command(clone, environment, "baseline").variables["SPARK_SUBMIT_OPTS"])
    environment["SPARK_SUBMIT_OPTS"] = "-XX:SharedArchiveFile=mine"
    assert option not in shlex.split(command(clone, environment, "baseline").variables["SPARK_SUBMIT_OPTS"])


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"SPARK_SUBMIT_OPTS": "-XX:+UseSerialGC"}, []),
        ({"JAVA_TOOL_OPTIONS": "-Xss4m -XX:+UseG1GC"}, []),
        ({}, ["--driver-java-options", "-XX:+UseZGC"]),
        ({}, ["--conf", "spark.driver.extraJavaOptions=-XX:+UseShenandoahGC"]),
        ({}, ["--master", "yarn"]),
    ],
)
def test_java_gets_no_second_collector_and_none_on_a_cluster(clone, environment, variables, words):
    submission = command(clone, environment | variables, *words, "baseline")

    assert "-XX:+UseParallelGC" not in submission.variables["SPARK_SUBMIT_OPTS"]


def test_only_a_driver_without_executors_in_its_jvm_does_without_javas_second_compiler(clone, environment):
    first_compiler = "-XX:TieredStopAtLevel=1"
    cluster = command(clone, environment, "--master", "yarn", "baseline").variables["SPARK_SUBMIT_OPTS"]
    local = command(clone, environment, "--master", "local[4]", "baseline").variables["SPARK_SUBMIT_OPTS"]

    assert first_compiler in shlex.split(cluster)
    assert first_compiler not in shlex.split(local)
    assert "-XX:Tier4CompileThreshold=600000" in shlex.split(local)


def test_options_of_the_users_own_come_last_so_that_java_takes_them(clone, environment):
    submission = command(clone, environment | {"SPARK_SUBMIT_OPTS": "-XX:Tier4CompileThreshold=1"}, "baseline")

    assert shlex.split(submission.variables["SPARK_SUBMIT_OPTS"])[-1] == "-XX:Tier4CompileThreshold=1"


@pytest.mark.parametrize("options", [["--master", "yarn"], ["--conf", "spark.executorEnv.PYTHONPATH=/theirs"]])
def test_workers_that_do_not_find_the_package_get_its_zip(clone, environment, tmp_path, options):
    submission = command(clone, environment, "baseline", *options)

    assert Path(after(submission, "--py-files")).parent == tmp_path / "a cache" / "packages"


def test_the_printed_command_is_the_same_words_for_a_shell(clone, environment):
    submission = command(clone, environment, "baseline", "--dataset-format", '{"csv": {"header": true}}')

    words = shlex.split(str(submission))

    assert words[0] == "env"
    assert words[1 : 1 + len(submission.variables)] == [f"{k}={v}" for k, v in sorted(submission.variables.items())]
    assert words[1 + len(submission.variables) :] == submission.command


def test_an_installed_wheel_starts_the_jobs_inside_the_package(wheel, environment, tmp_path):
    submission = command(wheel, environment, "baseline", "--dataset-source", "x", cwd=tmp_path)

    assert str(wheel.package / "jobs" / "baseline.py") in submission.command
    assert "spark.ui.enabled=false" in submission.command


def test_options_of_spark_are_taken_wherever_they_stand(clone, environment):
    submission = command(
        clone,
        environment,
        *(
            "--conf",
            "spark.a=1",
            "--driver-memory=6g",
            "jobs/baseline.py",
            "--dataset-source",
            "x",
            "--master",
            "local[2]",
        ),
        *("--name", "mine", "--conf", "spark.ui.enabled=true", "--verbose", "--progress", "--", "--master", "theirs"),
    )

    job = submission.command.index(str(clone.jobs / "baseline.py"))
    assert submission.command[job + 1 :] == ["--dataset-source", "x", "--progress", "--master", "theirs"]
    spark = submission.command[:job]
    assert spark.count("--master") == spark.count("--name") == spark.count("--driver-memory") == 1
    assert after(submission, "--driver-memory") == "6g"
    assert "spark.ui.enabled=true" in spark
    assert "spark.ui.enabled=false" not in spark
    assert "--verbose" in spark


def test_lists_of_files_are_joined_with_ours(clone, environment, tmp_path):
    lists = ["--jars", "a.jar,b.jar", "--py-files", "c.zip", "--files", "f", "--files", "g"]
    submission = command(clone, environment, "baseline", "--master", "yarn", *lists)

    assert after(submission, "--jars") == f"{tmp_path}/d.jar,a.jar,b.jar"
    assert after(submission, "--py-files").endswith(".zip,c.zip")
    assert after(submission, "--files") == "f,g"


@pytest.mark.parametrize("option", [("--jars", "x/deequ-2.0.jar"), ("--packages", "com.amazon.deequ:deequ:2.1")])
def test_a_deequ_of_the_users_own_leaves_ours_out(clone, environment, tmp_path, option):
    submission = command(clone, environment, "baseline", *option)

    assert f"{tmp_path}/d.jar" not in " ".join(submission.command)


def test_the_merge_gets_no_jar_and_a_job_of_that_name_of_the_users_own_does(clone, environment, tmp_path):
    (clone.jobs / "merge.py").touch()
    script = tmp_path / "own" / "merge.py"
    script.parent.mkdir()
    script.touch()

    assert "--jars" not in command(clone, environment, "merge").command
    assert after(command(clone, environment, str(script)), "--jars") == f"{tmp_path}/d.jar"


def test_a_job_is_looked_for_here_then_in_the_clone_then_by_name(clone, environment, tmp_path):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "baseline.py").touch()

    for name, cwd, expected in [
        ("jobs/baseline.py", tmp_path, tmp_path / "jobs" / "baseline.py"),
        ("jobs/baseline.py", tmp_path / "spark", clone.jobs / "baseline.py"),
        ("baseline", tmp_path, clone.jobs / "baseline.py"),
    ]:
        assert command(clone, environment, name, cwd=cwd).command[-1] == str(expected)


def test_an_unknown_job_is_reported_with_the_nearest():
    with pytest.raises(
        BadConfiguration, match=r"'jobs/basline\.py' is neither a file nor a job; did you mean baseline"
    ):
        Layout.of(ROOT / "lib" / "spark_model_monitor").job_file("jobs/basline.py", ROOT)


def test_a_flag_before_the_job_is_reported():
    with pytest.raises(BadConfiguration, match="--dataset-source stands before the job"):
        read_request(["--dataset-source", "x", "baseline"])


def test_dry_run_is_ours_on_either_side_of_the_job():
    for words in (["--dry-run", "baseline", "--x"], ["baseline", "--x", "--dry-run"]):
        request = read_request(words)
        assert request is not None
        assert request.dry_run
        assert request.job_arguments == ["--x"]


def test_columns_are_a_width_before_the_job_and_the_jobs_own_behind_it():
    request = read_request(["--columns", "50", "monitor", "--columns", "exact"])

    assert request is not None
    assert (request.columns, request.job_arguments) == (50, ["--columns", "exact"])
    with pytest.raises(
        BadConfiguration, match="--columns is 'exact'; before the job it is how wide the data is, a whole"
    ):
        read_request(["--columns", "exact", "monitor"])


def test_a_dry_run_fetches_nothing_and_says_so(clone, environment):
    del environment["MODEL_MONITOR_DEEQU_JAR"]

    submission = command(clone, environment, "--dry-run", "baseline")

    assert submission.remarks[0].endswith("is not there yet; it is fetched when the job is started")
    assert after(submission, "--jars").endswith("/a cache/jars/deequ-2.1.0-spark-3.5.jar")


def test_a_cluster_keeps_its_own_defaults_python_and_address(clone, environment, tmp_path):
    (tmp_path / "spark" / "conf" / "spark-defaults.conf").write_text(
        "spark.master yarn\nspark.executor.cores=4\nspark.executor.memory 20g\nspark.ui.enabled true\n"
    )

    submission = command(clone, {**environment, "PYSPARK_PYTHON": "/usr/bin/python3.11"}, "baseline")

    assert after(submission, "--master") == "yarn"
    assert "spark.ui.enabled=false" not in submission.command
    assert "--driver-memory" not in submission.command
    assert not {"PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "SPARK_LOCAL_IP"} & set(submission.variables)


def test_executors_on_yarn_get_memory_for_their_python_workers(clone, environment):
    # 4 workers of 140 + 0.2 · 1000 MB beside the tenth of 20 GiB that Spark adds by itself
    submission = command(
        clone, environment, "baseline", "--master", "yarn", "--executor-cores", "4", "--executor-memory", "20g"
    )

    assert f"spark.executor.memoryOverhead={2048 + 4 * 340}m" in submission.command
    assert submission.remarks == [
        "spark.executor.memoryOverhead=3408m: 4 Python workers an executor, 340 MB each at 1,000 columns"
    ]


def test_the_width_of_the_data_sizes_the_workers(clone, environment):
    submission = command(clone, environment, "--columns", "50", "baseline", "--master", "yarn")

    assert f"spark.executor.memoryOverhead={384 + 150}m" in submission.command


@pytest.mark.parametrize(
    ("mode", "driver"), [("client", sys.executable), ("cluster", "./environment/bin/python")], ids=["client", "cluster"]
)
def test_an_environment_is_sent_to_the_nodes_and_used_there(clone, environment, tmp_path, mode, driver):
    archive = tmp_path / "environment.tar.gz"
    archive.touch()
    words = (
        "--environment",
        str(archive),
        "baseline",
        "--master",
        "yarn",
        "--deploy-mode",
        mode,
        "--archives",
        "x.zip",
    )
    submission = command(clone, environment, *words)

    assert after(submission, "--archives") == f"{archive}#environment,x.zip"
    assert "spark.pyspark.python=./environment/bin/python" in submission.command
    assert f"spark.pyspark.driver.python={driver}" in submission.command


def test_a_driver_on_an_edge_node_keeps_the_python_that_it_was_given(clone, environment):
    words = ("--environment", "hdfs:///environment.zip", "baseline", "--master", "spark://host:7077")
    submission = command(clone, {**environment, "PYSPARK_DRIVER_PYTHON": "/opt/python"}, *words)

    assert "spark.pyspark.driver.python=/opt/python" in submission.command
    assert after(submission, "--archives") == "hdfs:///environment.zip#environment"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["--environment", "none.tar.gz"],
            "--environment is 'none.tar.gz', where there is no file; `make environment` builds",
        ),
        (["--environment", "venv"], "--environment is 'venv'; it has to be an archive: .tar.gz"),
        (
            ["--environment", "a.zip", "--master", "local[2]"],
            "a local run has this Python; drop it, or name a --master",
        ),
        (["--deploy-mode", "cluster"], "--deploy-mode is cluster, which a standalone cluster doesn't have for Python"),
    ],
)
def test_what_no_cluster_does_is_reported_before_it_is_started(clone, environment, words, text):
    with pytest.raises(BadConfiguration) as caught:
        command(clone, environment, "--master", "spark://host:7077", *words, "baseline")
    assert text in str(caught.value)


def test_another_line_of_spark_is_refused(environment, tmp_path):
    (tmp_path / "spark" / "jars" / "spark-core_2.12-3.5.9.jar").rename(
        tmp_path / "spark/jars/spark-core_2.13-4.4.0.jar"
    )

    with pytest.raises(MissingDependency, match=r"Spark 4\.4 is not supported; jobs run on Spark 3\.5, 4\.0, 4\.1"):
        find_spark_home(environment)


def test_another_scala_is_refused(environment, tmp_path):
    (tmp_path / "spark" / "jars" / "spark-core_2.12-3.5.9.jar").rename(
        tmp_path / "spark/jars/spark-core_2.13-3.5.9.jar"
    )

    with pytest.raises(
        MissingDependency, match=r"Spark 3\.5 is built with Scala 2\.13, jobs run on the one with Scala 2\.12"
    ):
        find_spark_home(environment)


def test_a_spark_home_without_spark_is_reported(tmp_path):
    with pytest.raises(MissingDependency, match=r"has no bin/spark-submit"):
        find_spark_home({"SPARK_HOME": str(tmp_path)})


def test_without_spark_home_it_is_the_one_of_this_python():
    assert (find_spark_home({}) / "bin" / "spark-submit").is_file()


def test_options_win_over_conf_over_the_properties_file_over_the_clusters(tmp_path):
    mine = tmp_path / "mine.conf"
    cluster = tmp_path / "cluster.conf"
    mine.write_text("# mine\nspark.a mine\nspark.b=mine\nspark.master: mine\n\n")
    cluster.write_text("spark.a cluster\nspark.z cluster\n")
    options, _ = split_options(["--properties-file", str(mine), "-c", "spark.b=conf", "--master", "option"])

    assert spark_settings(options, cluster) == {"spark.a": "mine", "spark.b": "conf", "spark.master": "option"}
    assert spark_settings([], cluster) == {"spark.a": "cluster", "spark.z": "cluster"}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--master"], "--master has no value"),
        (["--conf", "spark.a"], "--conf is 'spark.a'; write KEY=VALUE"),
        (["--properties-file", "nowhere"], "--properties-file is 'nowhere', where there is no file"),
    ],
)
def test_a_wrong_option_of_spark_is_reported(words, text):
    with pytest.raises(BadConfiguration) as caught:
        spark_settings(split_options(words)[0], Path("none"))
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("words", "wait"),
    [((), "0"), (("--conf", "spark.locality.wait=1s"), "1s"), (("--master", "yarn"), None)],
    ids=("local", "given", "of a cluster"),
)
def test_a_local_job_does_not_wait_for_the_host_that_has_the_data(clone, environment, words, wait):
    """Spark's local scheduler offers a task that waited never again: a merge of data on HDFS did not end."""
    locality_words = [
        word for word in command(clone, environment, *words, "jobs/baseline.py").command if "locality" in word
    ]

    assert locality_words == ([] if wait is None else [f"spark.locality.wait={wait}"])


def test_our_own_settings_can_be_read():
    assert read_properties(ROOT / "conf" / "spark-defaults.conf")["spark.ui.enabled"] == "false"


def test_options_of_a_shell_that_are_no_words_are_refused(clone, environment):
    with pytest.raises(
        BadConfiguration, match="PYSPARK_SUBMIT_ARGS can't be taken apart into words: No closing quotation"
    ):
        shell_variables(clone, {**environment, "PYSPARK_SUBMIT_ARGS": "--name 'mine pyspark-shell"})


def test_a_shell_is_started_as_a_local_job_is(clone, environment):
    arguments = "--driver-memory 3g --conf 'spark.app.note=a b' --jars mine.jar pyspark-shell"
    variables = shell_variables(clone, {**environment, "PYSPARK_SUBMIT_ARGS": arguments})
    words = shlex.split(variables["PYSPARK_SUBMIT_ARGS"])

    assert words[-1] == "pyspark-shell"
    assert words[:2] == ["--master", "local[*]"]
    assert words[words.index("--driver-memory") + 1] == "3g"
    assert words.count("--driver-memory") == 1
    assert words[words.index("--jars") + 1] == f"{environment['MODEL_MONITOR_DEEQU_JAR']},mine.jar"
    assert "spark.app.note=a b" in words
    assert variables["JAVA_HOME"] == environment["JAVA_HOME"]
    assert variables["PYSPARK_PYTHON"] == sys.executable


def test_pysparks_archives_leave_the_import_path_where_pip_has_put_it_into_a_folder(tmp_path):
    home = tmp_path / "site-packages" / "pyspark"
    (home.parent / "py4j").mkdir(parents=True)
    archives = [f"{home}/python/lib/pyspark.zip", f"{home}/python/lib/py4j-0.10.9.7-src.zip", f"{home}/jars/core.jar"]
    path = ["jobs", *archives, str(home.parent)]

    # A Spark as Apache ships it: its PySpark is nowhere else
    drop_spark_archives(path, {"SPARK_HOME": str(home)})
    assert path == ["jobs", *archives, str(home.parent)]

    home.mkdir()
    (home / "__init__.py").touch()
    drop_spark_archives(path, {})
    assert path == ["jobs", *archives, str(home.parent)]
    drop_spark_archives(path, {"SPARK_HOME": str(home)})
    assert path == ["jobs", str(home.parent)]

    # Pip's PySpark of another Python's
    path = ["jobs", *archives]
    drop_spark_archives(path, {"SPARK_HOME": str(home)})
    assert path == ["jobs", *archives]
