"""Many runs at a glance: reads the files of past runs, and shows them as one page. Reads no data, needs no JVM."""
