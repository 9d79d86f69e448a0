"""Many runs at a glance: reads what past runs left, and shows it as one page. No data, no JVM."""
