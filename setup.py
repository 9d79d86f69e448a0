"""Lists the packages of the wheel: those below lib/, and jobs/ and conf/ as `spark_model_monitor.jobs` and `.conf`.

Everything else is in setup.cfg, which can look for packages in one place only.
"""

from setuptools import find_packages, setup

setup(packages=[*find_packages("lib"), "spark_model_monitor.jobs", "spark_model_monitor.conf"])
