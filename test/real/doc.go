// Package real runs the suites of ledger, storage and index, and the figures of
// `make bench-real`, on the real parts: Fabric, Kubo and PostgreSQL. It is tests
// only.
package real
