"""Many runs at a glance: what past runs left is read back, and shown as one page. No data, no JVM."""
