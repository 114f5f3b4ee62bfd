namespace ptx::test { void parsing(){} void compiled(){} }
